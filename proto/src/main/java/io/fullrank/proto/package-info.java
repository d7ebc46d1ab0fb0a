/**
 * The wire contract besides its generated messages: topics, tensors, and how snapshots are cut into
 * chunks.
 */
package io.fullrank.proto;
