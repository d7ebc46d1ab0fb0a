/** What tests ask services with. */
package io.fullrank.testsupport.client;
