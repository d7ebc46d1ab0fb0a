/** What every service is configured with, and the check that no key is unknown. */
package io.fullrank.service.configuration;
