using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.OnePass;

/// <content>What the query's answer says.</content>
public static partial class MomentQuery
{
    /// <summary>Reads the query's answer, as CSV with a header row.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="TableException">It is no such text.</exception>
    public static Moments Read(TextReader reader, string name) => Read(
        reader,
        name,
        1,
        (sums, columns, hasWeights) => SqlSums.TermsOf(sums, columns, hasWeights) is > 0 and var terms
            ? new SqlSums(terms, columns, hasWeights)
            : null,
        (answer, exponents) => answer.Sum(exponents[0]));

    /// <summary>Reads an answer for any number of features.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="d">The number of features.</param>
    /// <param name="sumsOf">What so many sums are, of so many columns, with weights or without; null for none.</param>
    /// <param name="sum">The moments, by the exponents of the cells' widths; null where sums do not belong together.</param>
    internal static T Read<T>(
        TextReader reader, string name, int d, Func<int, int, bool, SqlSums?> sumsOf, Func<Answer, int[], T?> sum)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(reader);
        int row = 1;
        string header = reader.ReadLine() ?? "";
        string[] names = header.Replace("\"", "", StringComparison.Ordinal).Split(',');
        int columns = names.Count(name => name.StartsWith("level", StringComparison.Ordinal));
        bool hasWeights = names.Contains("weight");

        // cell_exponent and cell of each feature, count, x of each.
        int ofKeys = (3 * d) + 1;
        int first = ofKeys + (2 * columns) + (hasWeights ? 3 : 0);
        SqlSums? known = columns == 0 ? null : sumsOf(names.Length - first, columns, hasWeights);
        string[] keys = [.. Named("cell_exponent"), .. Named("cell"), "count", .. Named("x")];
        if (known is null || !names.Take(ofKeys).SequenceEqual(keys) || !names.Skip(first).SequenceEqual(known.Names))
        {
            throw Wrong(null, "the answer of the query that moments --sql prints, as CSV with its header", PlainText.Brief(header, 200));
        }

        var answer = new Answer(known.Terms, columns, hasWeights);
        int[]? exponents = null;
        while (reader.ReadLine() is string line)
        {
            row++;
            string[] fields = line.Split(',');
            if (line.Length == 0)
            {
                continue;
            }

            if (fields.Length != names.Length)
            {
                throw Wrong(null, $"{names.Length} fields", $"{fields.Length}");
            }

            int[] own = [.. Enumerable.Range(0, d).Select(j => (int)Whole(j, MomentGrid.LeastExponent, MomentGrid.MostExponent))];
            exponents ??= own;
            int other = own.AsSpan().CommonPrefixLength(exponents);
            if (other < d)
            {
                throw Wrong(names[other], $"{exponents[other]} as before", fields[other]);
            }

            (long One, long Two) cell = (CellOf(0), d > 1 ? CellOf(1) : 0);
            long count = Whole(2 * d, 1, long.MaxValue);
            double[] levels = Numbers(ofKeys + columns, columns);
            if (fields[(2 * d) + 1].Length > 0)
            {
                answer.Rows.Add(new(
                    cell, Numbers((2 * d) + 1, d), Numbers(ofKeys, columns), levels, hasWeights ? Positive(first - 3) : 1));
                continue;
            }

            double heaviest = hasWeights ? Math.Max(Positive(first - 2), Positive(first - 1)) : 1;
            double[] sums = Numbers(first, names.Length - first);
            if (!answer.Add(cell, count, levels, heaviest, sums))
            {
                throw Wrong(names[d], "each cell once", $"{fields[d]} again");
            }

            double Number(int field) =>
                double.TryParse(fields[field], NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                    && double.IsFinite(number)
                    ? number
                    : throw Wrong(names[field], "a finite number", fields[field]);

            double Positive(int field) => Number(field) is > 0 and var number ? number
                : throw Wrong(names[field], "a positive weight", fields[field]);

            double[] Numbers(int from, int howMany) => [.. Enumerable.Range(from, howMany).Select(Number)];

            long CellOf(int feature) => Whole(d + feature, -(long)MomentGrid.MostCell, (long)MomentGrid.MostCell);

            long Whole(int field, long least, long most)
            {
                double number = Number(field);
                return number >= least && number <= most && Math.Floor(number) == number ? (long)number
                    : throw Wrong(names[field], $"a whole number from {least} to {most}", fields[field]);
            }
        }

        return answer.Cells.Count + answer.Rows.Count == 0
            ? throw new TableException(TableProblem.Empty, name) { Expected = "cells below the header row", Found = "none" }
            : sum(answer, exponents!) ?? throw Wrong(null, "sums that belong together", "others in a cell");

        IEnumerable<string> Named(string key) => d == 1 ? [key] : Enumerable.Range(1, d).Select(j => $"{key}{j}");

        TableException Wrong(string? column, string expected, string found) =>
            new(TableProblem.Unusable, name) { Row = row, Column = column, Expected = expected, Found = found };
    }

    /// <summary>A row that came as one.</summary>
    internal readonly record struct AnswerRow((long One, long Two) Cell, double[] X, double[] Y, double[] Levels, double Weight);

    /// <summary>A cell whose rows came as sums, of powers of t.</summary>
    internal readonly record struct AnswerCell(long Count, double[] Levels, double Heaviest, double[] Sums);

    /// <summary>What was read so far.</summary>
    internal sealed class Answer(int terms, int columns, bool hasWeights)
    {
        // A product's own roundings, beside those of additions.
        private const double OfProducts = 40;

        public SortedDictionary<(long One, long Two), AnswerCell> Cells { get; } = [];

        public List<AnswerRow> Rows { get; } = [];

        private int Towers => hasWeights ? MomentGrid.Towers : 1;

        private int TowerRows => 1 + (2 * columns);

        /// <summary>Adds a cell; false where it is known already.</summary>
        public bool Add((long One, long Two) cell, long count, double[] levels, double heaviest, double[] sums)
        {
            // The number of rows is the first sum of those without weights.
            double[] all = hasWeights ? [.. sums[..(Towers * TowerRows * terms)], count, .. sums[(Towers * TowerRows * terms)..]]
                : [count, .. sums];
            return Cells.TryAdd(cell, new AnswerCell(count, levels, heaviest, all));
        }

        /// <summary>The moments; null where sums are too large for their cells.</summary>
        public Moments? Sum(int exponent)
        {
            (SortedDictionary<(long One, long Two), (double[] Levels, double Heaviest)> levels, long[] units) = Describe();
            long[] weightExponents = hasWeights ? [.. levels.Values.Select(cell => MomentGrid.ExponentOf(cell.Heaviest))] : [];
            var grid = new MomentGrid(
                exponent, units, terms, [.. levels.Keys.Select(cell => cell.One)], [.. levels.Values.SelectMany(cell => cell.Levels)],
                weightExponents);
            var moments = new Moments(grid);
            double[] polynomials = Chebyshev.InPowers(terms);
            foreach (((long id, _), AnswerCell cell) in Cells)
            {
                if (SumsOf(cell, grid, id, polynomials) is not { } sums)
                {
                    return null;
                }

                moments.Set(id, cell.Count, sums, (cell.Count + OfProducts) * MomentSums.Rounding);
            }

            moments.Add(
                [.. Rows.Select(row => row.X[0])],
                [.. Rows.SelectMany(row => row.Y)],
                hasWeights ? [.. Rows.Select(row => row.Weight)] : default);
            return moments;
        }

        /// <summary>The exponent of the unit of sums of rows alone, of y times or of y^2 times them of a column.</summary>
        public static int UnitOf(int kind, long[] units) =>
            kind == 0 ? 0 : (int)units[(kind - 1) / 2] * (kind % 2 == 1 ? 1 : 2);

        /// <summary>A sum in fixed point; null where it is too large.</summary>
        public static Int128? Fixed(double sum, int unit)
        {
            double scaled = Math.ScaleB(sum, FixedPointSums.Bits - unit);
            return Math.Abs(scaled) < Math.ScaleB(1, 126) ? (Int128)Math.Round(scaled) : null;
        }

        /// <summary>The cells with their levels and heaviest rows, and the exponents of the values' units.</summary>
        public (SortedDictionary<(long One, long Two), (double[] Levels, double Heaviest)> Levels, long[] Units) Describe()
        {
            var levels = new SortedDictionary<(long One, long Two), (double[] Levels, double Heaviest)>();
            double[] squares = new double[columns];
            double total = 0;
            foreach (((long, long) id, AnswerCell cell) in Cells)
            {
                levels[id] = (cell.Levels, cell.Heaviest);
                total += cell.Sums[0];
                for (int c = 0; c < columns; c++)
                {
                    squares[c] += cell.Sums[(2 + (2 * c)) * terms];
                }
            }

            foreach (AnswerRow row in Rows)
            {
                levels[row.Cell] = (row.Levels, Math.Max(row.Weight, levels.GetValueOrDefault(row.Cell).Heaviest));
                total += row.Weight;
                for (int c = 0; c < columns; c++)
                {
                    squares[c] += row.Weight * (row.Y[c] - row.Levels[c]) * (row.Y[c] - row.Levels[c]);
                }
            }

            return (levels, [.. squares.Select(square => Math.Sqrt(square / total)).Select(unit =>
                unit > 0 && double.IsFinite(unit) ? Math.Clamp(Math.ILogB(unit) + 4, MomentGrid.LeastExponent, MomentGrid.MostExponent)
                    : 0L)]);
        }

        private Int128[]? SumsOf(AnswerCell cell, MomentGrid grid, long id, double[] polynomials)
        {
            var sums = new Int128[cell.Sums.Length];
            int weightExponent = (int)Math.Round(Math.Log2(grid.WeightUnitAt(id)));
            for (int row = 0; row < sums.Length / terms; row++)
            {
                // The last row with weights is of none.
                (int tower, int kind) = Math.DivRem(row, TowerRows);
                int unit = tower < Towers ? hasWeights ? (tower + 1) * weightExponent : 0 : 0;
                unit += UnitOf(kind, grid.UnitExponents.ToArray());
                for (int k = 0; k < terms; k++)
                {
                    double sum = 0;
                    for (int j = 0; j <= k; j++)
                    {
                        sum += polynomials[(k * terms) + j] * cell.Sums[(row * terms) + j];
                    }

                    if (Fixed(sum, unit) is not { } rounded)
                    {
                        return null;
                    }

                    sums[(row * terms) + k] = rounded;
                }
            }

            return sums;
        }
    }
}
