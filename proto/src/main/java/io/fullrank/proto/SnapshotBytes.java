package io.fullrank.proto;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.WireFormat;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * Snapshots as bytes and back, as protobuf has them, but without a copy of what their tensors hold:
 * the bytes share the features' data with the message that they were made of, and a message shares
 * its tensors' data with the bytes that it was read from. Features fill memory, and a copy of them
 * would fill it twice.
 */
final class SnapshotBytes {

  /** A tag and a number, of at most ten bytes each. */
  private static final int MAX_HEAD_BYTES = 20;

  private SnapshotBytes() {}

  /**
   * Serialises a snapshot.
   *
   * @throws IllegalArgumentException if the bytes are more than 2^31 - 1
   */
  static ByteString of(Snapshot snapshot) {
    if (!snapshot.hasFeatures()) {
      return snapshot.toByteString();
    }
    // Both are the last fields of their messages, so that the bytes are those of protobuf itself.
    ByteString data = snapshot.getFeatures().getData();
    ByteString features =
        snapshot.getFeatures().toBuilder()
            .clearData()
            .build()
            .toByteString()
            .concat(field(Tensor.DATA_FIELD_NUMBER, data));
    return snapshot.toBuilder()
        .clearFeatures()
        .build()
        .toByteString()
        .concat(field(Snapshot.FEATURES_FIELD_NUMBER, features));
  }

  /**
   * Reads a snapshot.
   *
   * @throws InvalidProtocolBufferException if the bytes are no snapshot
   */
  static Snapshot parse(ByteString bytes) throws InvalidProtocolBufferException {
    Snapshot.Builder snapshot = Snapshot.newBuilder();
    merge(
        bytes,
        snapshot,
        (number, content) -> {
          switch (number) {
            case Snapshot.WEIGHTS_FIELD_NUMBER -> merge(content, snapshot.addWeightsBuilder());
            case Snapshot.GRADIENTS_FIELD_NUMBER -> merge(content, snapshot.addGradientsBuilder());
            case Snapshot.FEATURES_FIELD_NUMBER -> merge(content, snapshot.getFeaturesBuilder());
            default -> {
              return false;
            }
          }
          return true;
        });
    return snapshot.build();
  }

  private static void merge(ByteString bytes, Tensor.Builder tensor)
      throws InvalidProtocolBufferException {
    merge(
        bytes,
        tensor,
        (number, content) -> {
          if (number != Tensor.DATA_FIELD_NUMBER) {
            return false;
          }
          tensor.setData(content);
          return true;
        });
  }

  /** Takes the content of a length-delimited field, or leaves the field to protobuf. */
  private interface Taking {
    boolean takes(int number, ByteString content) throws InvalidProtocolBufferException;
  }

  private static void merge(ByteString bytes, Message.Builder message, Taking taking)
      throws InvalidProtocolBufferException {
    ByteString left = ByteString.EMPTY;
    int at = 0;
    try {
      while (at < bytes.size()) {
        CodedInputStream head =
            bytes.substring(at, at + Math.min(MAX_HEAD_BYTES, bytes.size() - at)).newCodedInput();
        int tag = head.readTag();
        int wireType = WireFormat.getTagWireType(tag);
        boolean delimited = wireType == WireFormat.WIRETYPE_LENGTH_DELIMITED;
        int length = 0;
        if (delimited) {
          length = head.readUInt32();
        } else if (wireType == WireFormat.WIRETYPE_START_GROUP) {
          throw new InvalidProtocolBufferException("the wire contract has no groups");
        } else {
          head.skipField(tag);
        }
        int from = at + head.getTotalBytesRead();
        if (length < 0 || length > bytes.size() - from) {
          throw new InvalidProtocolBufferException(
              "field %d asks for %s bytes, there are %d"
                  .formatted(
                      WireFormat.getTagFieldNumber(tag),
                      Integer.toUnsignedString(length),
                      bytes.size() - from));
        }
        int end = from + length;
        if (!delimited
            || !taking.takes(WireFormat.getTagFieldNumber(tag), bytes.substring(from, end))) {
          left = left.concat(bytes.substring(at, end));
        }
        at = end;
      }
    } catch (InvalidProtocolBufferException malformed) {
      throw malformed;
    } catch (IOException impossible) {
      throw new UncheckedIOException("memory does not fail to be read", impossible);
    }
    message.mergeFrom(left);
  }

  private static ByteString field(int number, ByteString content) {
    ByteString.Output head = ByteString.newOutput(MAX_HEAD_BYTES);
    try {
      CodedOutputStream out = CodedOutputStream.newInstance(head);
      out.writeTag(number, WireFormat.WIRETYPE_LENGTH_DELIMITED);
      out.writeUInt32NoTag(content.size());
      out.flush();
    } catch (IOException impossible) {
      throw new UncheckedIOException("memory does not fail to be written to", impossible);
    }
    return head.toByteString().concat(content);
  }
}
