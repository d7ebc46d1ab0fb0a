/** How a service starts, and how a start that cannot work ends. */
package io.fullrank.service.runtime;
