/** What tests of all rooms share; no program uses it. */
package io.fullrank.testsupport;
