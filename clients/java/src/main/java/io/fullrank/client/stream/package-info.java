/** One call of Report: back-pressure, acceptance and failures as a thread that sends sees them. */
package io.fullrank.client.stream;
