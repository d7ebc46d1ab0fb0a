/** Reports of runs in files: read, checked, and played to a server. */
package io.fullrank.cli.playback;
