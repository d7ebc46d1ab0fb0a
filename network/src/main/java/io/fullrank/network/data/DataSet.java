package io.fullrank.network.data;

import com.google.protobuf.ByteString;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataSetSpec;

/**
 * A data set as a run uses it: the training rows in the order that the feature matrix has, and the
 * test rows.
 *
 * @param identity name, sizes, split seed and fingerprint of the training rows; see {@link #of}
 * @param train the training rows
 * @param test the test rows, as wide as the training rows
 */
public record DataSet(DataSetIdentity identity, Samples train, Samples test) {

  /** A data set with the identity that belongs to its rows. */
  static DataSet of(DataSetSpec spec, int classes, Samples train, Samples test) {
    ImageShape shape = train.shape();
    DataSetIdentity identity =
        DataSetIdentity.newBuilder()
            .setName(spec.getName())
            .setTrainRows(train.rows())
            .setTestRows(test.rows())
            .setInputs(train.inputs())
            .setClasses(classes)
            .setSplitSeed(spec.getSplitSeed())
            .setTrainSha256(ByteString.copyFrom(train.sha256(classes)))
            .setChannels(shape.channels())
            .setHeight(shape.height())
            .setWidth(shape.width())
            .build();
    return new DataSet(identity, train, test);
  }
}
