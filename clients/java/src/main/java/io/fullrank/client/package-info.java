/**
 * Reports runs that a Java program trains to a Fullrank server, without ever holding training up.
 *
 * <p>{@link io.fullrank.client.ExternalRun} is the run, {@link io.fullrank.client.Connection} says
 * where the server is, and {@link io.fullrank.client.RunDescription} what is trained.
 */
package io.fullrank.client;
