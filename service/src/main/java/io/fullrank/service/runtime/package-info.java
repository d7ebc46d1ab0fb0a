/**
 * How a service starts, how a start that cannot work ends, how its health is told, and the parts
 * that all services are made with.
 */
package io.fullrank.service.runtime;
