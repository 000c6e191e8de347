namespace TorchAttention.Numerics.Regression.Polynomials;

/// <summary>The products u_1^a_1 .. u_d^a_d up to a total degree a_1 + .. + a_d, the lower degrees first.</summary>
internal sealed class Monomials
{
    private readonly List<int[]> _exponents = [];
    private readonly List<int> _parents = [];
    private readonly List<int> _factors = [];

    public Monomials(int features, int degree)
    {
        Features = features;
        Add(new int[features], -1, 0);
        int first = 0;
        for (int total = 1; total <= degree; total++)
        {
            // Each product comes from the one that lacks a factor of its last feature.
            int end = Count;
            for (int parent = first; parent < end; parent++)
            {
                for (int j = _factors[parent]; j < features; j++)
                {
                    int[] exponents = [.. _exponents[parent]];
                    exponents[j]++;
                    Add(exponents, parent, j);
                }
            }

            first = end;
        }

        Parents = [.. _parents];
        Factors = [.. _factors];
    }

    public int Features { get; }

    public int Count => _exponents.Count;

    /// <summary>The product that each is made of by one more factor; -1 for the first, which is 1.</summary>
    public int[] Parents { get; }

    /// <summary>The feature of that factor.</summary>
    public int[] Factors { get; }

    /// <summary>How many there are: (d + degree)! / (d! degree!); the largest number where that is larger.</summary>
    public static int CountOf(int features, int degree)
    {
        long count = 1;
        for (int k = 1; k <= degree && count < int.MaxValue; k++)
        {
            count = count * (features + k) / k;
        }

        return (int)Math.Min(count, int.MaxValue);
    }

    /// <summary>a_j of a product.</summary>
    public int Exponent(int product, int feature) => _exponents[product][feature];

    /// <summary>The product of two, and of a power of a feature.</summary>
    public int Find(int a, int b, int feature = 0, int power = 0)
    {
        int[] sum = [.. _exponents[a].Zip(_exponents[b], (x, y) => x + y)];
        sum[feature] += power;
        return _exponents.FindIndex(exponents => exponents.AsSpan().SequenceEqual(sum));
    }

    private void Add(int[] exponents, int parent, int factor)
    {
        _exponents.Add(exponents);
        _parents.Add(parent);
        _factors.Add(factor);
    }
}
