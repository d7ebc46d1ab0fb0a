/** Real brokers for tests. */
package io.fullrank.testsupport.kafka;
