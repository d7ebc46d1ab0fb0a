package io.fullrank.metrics.query;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Tells messages apart by eight bytes, the same in every instance and after every restart. */
public final class Digest {

  private Digest() {}

  /** Returns the first eight bytes of the SHA-256 of a message and its type. */
  public static long of(Message message) {
    byte[] bytes = new byte[message.getSerializedSize()];
    CodedOutputStream output = CodedOutputStream.newInstance(bytes);
    output.useDeterministicSerialization();
    try {
      message.writeTo(output);
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(message.getDescriptorForType().getFullName().getBytes(StandardCharsets.UTF_8));
      return ByteBuffer.wrap(sha256.digest(bytes)).getLong();
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every Java has SHA-256", impossible);
    }
  }
}
