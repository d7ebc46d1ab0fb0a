/** What container engines ask whether a service is ready; a jar of its own in the images. */
package io.fullrank.cli.health;
