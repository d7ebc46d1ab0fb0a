/** What people see in a terminal: tables, numbers, words and progress. */
package io.fullrank.cli.terminal;
