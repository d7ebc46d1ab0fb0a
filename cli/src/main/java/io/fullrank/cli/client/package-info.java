/** Calls to the services, here or on other machines. */
package io.fullrank.cli.client;
