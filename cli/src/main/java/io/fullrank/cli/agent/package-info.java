/** What the command line puts into the processes that it starts. */
package io.fullrank.cli.agent;
