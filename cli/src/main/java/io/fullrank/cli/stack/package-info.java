/** Broker and services as processes of this machine: started, supervised, stopped. */
package io.fullrank.cli.stack;
