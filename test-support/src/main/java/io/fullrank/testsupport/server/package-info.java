/** Servers that answer what a test tells them. */
package io.fullrank.testsupport.server;
