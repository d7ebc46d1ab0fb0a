/**
 * How a service starts, or ends where its start cannot work, how it tells its health, and the parts
 * that all services are made with.
 */
package io.fullrank.service.runtime;
