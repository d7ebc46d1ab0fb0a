/**
 * What every service has: where it listens and how its wire is secured, which callers are admitted,
 * how Kafka is reached, and how configuration that cannot work ends the start. See {@code
 * docs/security.md}.
 */
package io.fullrank.service;
