/** What the service is configured with. */
package io.fullrank.trainer.configuration;
