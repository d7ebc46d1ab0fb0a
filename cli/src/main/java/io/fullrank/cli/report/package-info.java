/** Results as text, tables, JSON and files. */
package io.fullrank.cli.report;
