/** Clients with which tests call services. */
package io.fullrank.testsupport.client;
