namespace TorchAttention.Models;

/// <summary>
/// Adds to each row what place it stands at, so that attention, to which order means nothing, can tell: the book's
/// <c>PositionalEncoding</c>.
/// </summary>
/// <remarks>
/// P[i, 2j] = sin(i / 10000^(2j/h)) and P[i, 2j + 1] = cos(i / 10000^(2j/h)). The book makes P for <c>max_len</c> places, 1,000 by default;
/// here there are as many as the input has. It has no parameters.
/// </remarks>
public sealed class PositionalEncoding : nn.Module<Tensor, Tensor>
{
    private const double Longest = 10_000;

    private readonly int _length;
    private readonly double _dropout;

    /// <summary>Creates the module.</summary>
    /// <param name="numHiddens">h, the length of a row, even.</param>
    /// <param name="dropout">The part of the sums that is set to 0 while training, from 0 up to 1; 0 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length that is odd or below 2, or a part below 0 or not below 1.</exception>
    public PositionalEncoding(int numHiddens, double dropout = 0)
        : base(nameof(PositionalEncoding))
    {
        _length = Checked(numHiddens, nameof(numHiddens));
        _dropout = Guard.Part(dropout);
        RegisterComponents();
    }

    /// <summary>Sines and cosines of any numbers, taken as places.</summary>
    /// <remarks>
    /// P[..., 2j] = sin(p / b^(2j/h)) and P[..., 2j + 1] = cos(p / b^(2j/h)). The dot product of two is sum_j cos((p - p') / b^(2j/h)): of
    /// the difference alone, as a kernel is.
    /// </remarks>
    /// <param name="places">Places p, of any shape, whole or not; of a number type with a point.</param>
    /// <param name="length">h, even.</param>
    /// <param name="longest">b, positive: the last wave is nearly b times as long as the first, whose length is 2 pi.</param>
    /// <returns>Encodings (..., h) of the places' number type.</returns>
    /// <exception cref="ArgumentException">Places of whole numbers.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A length that is odd or below 2, or b not positive.</exception>
    public static Tensor Encode(Tensor places, int length, double longest = Longest)
    {
        ArgumentNullException.ThrowIfNull(places);
        Checked(length, nameof(length));
        Guard.Positive(longest);
        if (!places.is_floating_point())
        {
            throw Guard.Unfit(places, $"Expected places of a number type with a point, got {places.dtype}.");
        }

        using DisposeScope scope = NewDisposeScope();
        double[] waves = [.. Enumerable.Range(0, length / 2).Select(j => Math.Pow(longest, -2.0 * j / length))];
        Tensor angles = places.unsqueeze(-1) * tensor(waves, places.dtype, places.device);
        return stack([angles.sin(), angles.cos()], -1).flatten(-2).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <param name="input">Rows (batch, places, h).</param>
    /// <returns>Rows with their places (batch, places, h).</returns>
    /// <exception cref="ArgumentException">Rows of another shape.</exception>
    public override Tensor forward(Tensor input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.dim() != 3 || input.size(2) != _length || !input.is_floating_point())
        {
            throw Guard.Unfit(
                input, $"Expected rows (batch, places, {_length}) of a number type with a point, got {input.dtype} {Guard.Shape(input)}.");
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor places = Held.Range(input.size(1), input.device).to(ScalarType.Float64);
        Tensor sum = input.Plus(Encode(places, _length).to(input.dtype));
        return nn.functional.dropout(sum, _dropout, training).MoveToOuterDisposeScope();
    }

    private static int Checked(int length, string name) => length >= 2 && length % 2 == 0
        ? length
        : throw new ArgumentOutOfRangeException(name, length, $"Expected an even length of at least 2, got {length}.");
}
