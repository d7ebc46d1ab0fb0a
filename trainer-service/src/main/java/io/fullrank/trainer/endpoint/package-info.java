/** What clients call. */
package io.fullrank.trainer.endpoint;
