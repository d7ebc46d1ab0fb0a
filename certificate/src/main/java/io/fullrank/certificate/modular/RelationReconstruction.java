package io.fullrank.certificate.modular;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A relation between rows, known modulo more and more primes, from which integer coefficients are
 * reconstructed: those of the only relation there is, if its rational coefficients have numerators
 * and a common denominator that are small enough. What comes out is a guess, to be verified.
 *
 * <p>Residues are normalised to 1 for the first row and combined by the Chinese remainder theorem.
 * Modulo m, a residue is the class of at most one fraction a/b with |a|, b ≤ √(m/2), which the
 * extended Euclidean algorithm finds (Wang, Guy, Davenport, <i>P-adic reconstruction of rational
 * numbers</i>, SIGSAM Bulletin 16, 1982).
 */
final class RelationReconstruction {

  private static final BigInteger MOST = BigInteger.valueOf(IntegerRelation.MAX_COEFFICIENT);

  private final List<Integer> rows;
  private final BigInteger[] residues;
  private BigInteger modulus = BigInteger.ONE;

  /** Begins without knowing anything of the coefficients of these rows, of which there are some. */
  RelationReconstruction(List<Integer> rows) {
    this.rows = List.copyOf(rows);
    this.residues = new BigInteger[rows.size()];
    Arrays.fill(residues, BigInteger.ZERO);
  }

  /**
   * Takes what an elimination modulo a prime has found, unless that is another relation.
   *
   * @param found its relation
   * @param prime its modulus
   */
  void add(ModularElimination.Result found, int prime) {
    BigInteger p = BigInteger.valueOf(prime);
    if (!found.relation().equals(rows) || modulus.mod(p).signum() == 0) {
      return;
    }
    BigInteger normalising = BigInteger.valueOf(found.coefficients().get(0)).modInverse(p);
    BigInteger inverse = modulus.modInverse(p);
    for (int i = 0; i < residues.length; i++) {
      BigInteger residue =
          BigInteger.valueOf(found.coefficients().get(i)).multiply(normalising).mod(p);
      BigInteger step = residue.subtract(residues[i]).multiply(inverse).mod(p);
      residues[i] = residues[i].add(modulus.multiply(step));
    }
    modulus = modulus.multiply(p);
  }

  /** Returns the relation, if its coefficients are short enough. */
  Optional<IntegerRelation> relation() {
    BigInteger limit = modulus.shiftRight(1).sqrt().min(MOST);
    BigInteger denominator = BigInteger.ONE;
    for (BigInteger residue : residues) {
      BigInteger scaled = residue.multiply(denominator).mod(modulus);
      if (centred(scaled).abs().compareTo(limit) > 0) {
        Optional<BigInteger> factor = denominator(scaled, limit);
        if (factor.isEmpty()) {
          return Optional.empty();
        }
        denominator = denominator.multiply(factor.get());
        if (denominator.compareTo(limit) > 0) {
          return Optional.empty();
        }
      }
    }
    List<Long> coefficients = new ArrayList<>(residues.length);
    for (BigInteger residue : residues) {
      BigInteger coefficient = centred(residue.multiply(denominator).mod(modulus));
      if (coefficient.abs().compareTo(MOST) > 0) {
        return Optional.empty();
      }
      coefficients.add(coefficient.longValueExact());
    }
    return Optional.of(new IntegerRelation(rows, coefficients));
  }

  private BigInteger centred(BigInteger residue) {
    return residue.compareTo(modulus.shiftRight(1)) > 0 ? residue.subtract(modulus) : residue;
  }

  /** Returns the b of the fraction a/b of a residue, with |a|, b ≤ limit, if there is one. */
  private Optional<BigInteger> denominator(BigInteger residue, BigInteger limit) {
    BigInteger before = modulus;
    BigInteger numerator = residue;
    BigInteger factorBefore = BigInteger.ZERO;
    BigInteger factor = BigInteger.ONE;
    while (numerator.compareTo(limit) > 0) {
      BigInteger[] division = before.divideAndRemainder(numerator);
      before = numerator;
      numerator = division[1];
      BigInteger next = factorBefore.subtract(division[0].multiply(factor));
      factorBefore = factor;
      factor = next;
    }
    BigInteger denominator = factor.abs();
    return denominator.compareTo(limit) <= 0 ? Optional.of(denominator) : Optional.empty();
  }
}
