using System.Text;

namespace TorchAttention.Numerics.OnePass;

/// <content>The curve as source code.</content>
public sealed partial class CondensedCurve
{
    private const int NumbersInLine = 4;

    /// <summary>Writes the curve as one class of C# without dependencies: <c>Mean(x)</c> and <c>StandardError(x)</c>.</summary>
    /// <param name="writer">Where the source goes.</param>
    /// <param name="name">
    /// What the class is called, with Curve before or after where C# has no such name; characters that no name has are left out.
    /// </param>
    public void WriteSource(TextWriter writer, string name)
    {
        ArgumentNullException.ThrowIfNull(writer);
        string type = NameOf(name);
        string number(double value) => double.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture)
            : double.IsNaN(value) ? "double.NaN" : value > 0 ? "double.PositiveInfinity" : "double.NegativeInfinity";
        string error = number(Diagnostics.ResidualStandardError[0]);
        writer.Write($$"""
            // A curve fitted to {{Count.ToString(CultureInfo.InvariantCulture)}} examples, h = {{number(Bandwidth)}}:
            // {{Pieces}} polynomials, within {{number(Bound)}} of the fit.
            /// <summary>Kernel regression, condensed.</summary>
            public static class {{type}}
            {
                private const double Inverse = {{number(_inverse)}}, Origin = {{number(_origin)}};
                private const double First = {{number(_first)}}, Last = {{number(_last)}};

                /// <summary>The least key of an example.</summary>
                public const double LeastX = {{number(LeastX)}};

                /// <summary>The largest key of an example.</summary>
                public const double MostX = {{number(MostX)}};

                /// <summary>The mean at x.</summary>
                public static double Mean(double x)
                {
                    int piece = Find(x, out double t);
                    return Origin + Sum(Means, piece, t);
                }

                /// <summary>The standard error of the mean at x; NaN where no example is near.</summary>
                public static double StandardError(double x)
                {
                    int piece = Find(x, out double t);
                    double neighbours = x * Inverse < First || x * Inverse > Last ? 0 : Sum(Neighbours, piece, t);
                    return neighbours > 0 ? {{error}} / System.Math.Sqrt(neighbours) : double.NaN;
                }

                private static int Find(double x, out double t)
                {
                    double place = System.Math.Min(System.Math.Max(x * Inverse, First), Last);
                    int low = 0, high = Starts.Length - 1;
                    while (low < high)
                    {
                        int middle = (low + high + 1) / 2;
                        if (Starts[middle] <= place) { low = middle; } else { high = middle - 1; }
                    }

                    t = System.Math.Min(1, ((place - Starts[low]) * Scales[low]) - 1);
                    return low;
                }

                private static double Sum(double[] all, int piece, double t)
                {
                    double last = 0, before = 0;
                    for (int k = {{K - 1}}; k > 0; k--)
                    {
                        (last, before) = (System.Math.FusedMultiplyAdd(2 * t, last, all[({{K}} * piece) + k] - before), last);
                    }

                    return System.Math.FusedMultiplyAdd(t, last, all[{{K}} * piece] - before);
                }


            """);
        Write("Starts", _starts);
        Write("Scales", _scales);
        Write("Means", _means);
        Write("Neighbours", _pieces.SelectMany(piece => piece.Neighbours));
        writer.Write("}\n");

        void Write(string array, IEnumerable<double> numbers)
        {
            writer.Write($"    private static readonly double[] {array} =\n    [\n");
            foreach (double[] line in numbers.Chunk(NumbersInLine))
            {
                writer.Write($"        {string.Join(", ", line.Select(number))},\n");
            }

            writer.Write("    ];\n");
        }
    }

    private static string NameOf(string name)
    {
        var type = new StringBuilder();
        foreach (char letter in name ?? "")
        {
            if (char.IsAsciiLetter(letter) || letter == '_' || (char.IsAsciiDigit(letter) && type.Length > 0))
            {
                type.Append(letter);
            }
        }

        // Words of C# are in small letters; members and the namespace of the source are these.
        bool isTaken = !type.ToString().Any(letter => char.IsAsciiLetterUpper(letter) || letter == '_')
            || type.ToString() is "System" or "Inverse" or "Origin" or "First" or "Last" or "LeastX" or "MostX" or "Mean" or "StandardError"
                or "Find" or "Sum" or "Starts" or "Scales" or "Means" or "Neighbours";
        return isTaken ? $"{type}Curve" : type.ToString();
    }
}
