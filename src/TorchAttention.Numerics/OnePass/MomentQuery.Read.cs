using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.OnePass;

/// <content>What the query's answer says.</content>
public static partial class MomentQuery
{
    /// <summary>Reads the query's answer, as CSV with a header row.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="TableException">It is no such text.</exception>
    public static Moments Read(TextReader reader, string name)
    {
        ArgumentNullException.ThrowIfNull(reader);
        int row = 1;
        string header = reader.ReadLine() ?? "";
        string[] names = header.Replace("\"", "", StringComparison.Ordinal).Split(',');
        int columns = names.Count(name => name.StartsWith("level", StringComparison.Ordinal));
        bool hasWeights = names.Contains("weight");
        int first = 4 + (2 * columns) + (hasWeights ? 3 : 0);
        int terms = columns == 0 ? 0 : SqlSums.TermsOf(names.Length - first, columns, hasWeights);
        bool isAnswer = terms > 0 && names.Take(4).SequenceEqual(["cell_exponent", "cell", "count", "x"])
            && names.Skip(first).SequenceEqual(new SqlSums(terms, columns, hasWeights).Names);
        if (!isAnswer)
        {
            throw Wrong(null, "the answer of the query that moments --sql prints, as CSV with its header", PlainText.Brief(header, 200));
        }

        var answer = new Answer(terms, columns, hasWeights);
        int? exponent = null;
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

            int own = (int)Whole(0, MomentGrid.LeastExponent, MomentGrid.MostExponent);
            exponent ??= own;
            if (own != exponent)
            {
                throw Wrong("cell_exponent", $"{exponent} as before", fields[0]);
            }

            long cell = Whole(1, -(long)MomentGrid.MostCell, (long)MomentGrid.MostCell);
            long count = Whole(2, 1, long.MaxValue);
            double[] levels = Numbers(4 + columns, columns);
            if (fields[3].Length > 0)
            {
                answer.Rows.Add(new(cell, Number(3), Numbers(4, columns), levels, hasWeights ? Positive(first - 3) : 1));
                continue;
            }

            double heaviest = hasWeights ? Math.Max(Positive(first - 2), Positive(first - 1)) : 1;
            double[] sums = Numbers(first, names.Length - first);
            if (!answer.Add(cell, count, levels, heaviest, sums))
            {
                throw Wrong("cell", "each cell once", $"{cell} again");
            }

            double Number(int field) =>
                double.TryParse(fields[field], NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                    && double.IsFinite(number)
                    ? number
                    : throw Wrong(names[field], "a finite number", fields[field]);

            double Positive(int field) => Number(field) is > 0 and var number ? number
                : throw Wrong(names[field], "a positive weight", fields[field]);

            double[] Numbers(int from, int howMany) => [.. Enumerable.Range(from, howMany).Select(Number)];

            long Whole(int field, long least, long most)
            {
                double number = Number(field);
                return number >= least && number <= most && Math.Floor(number) == number ? (long)number
                    : throw Wrong(names[field], $"a whole number from {least} to {most}", fields[field]);
            }
        }

        return answer.Cells.Count + answer.Rows.Count == 0
            ? throw new TableException(TableProblem.Empty, name) { Expected = "cells below the header row", Found = "none" }
            : answer.Sum(exponent!.Value) ?? throw Wrong(null, "sums that belong together", "others in a cell");

        TableException Wrong(string? column, string expected, string found) =>
            new(TableProblem.Unusable, name) { Row = row, Column = column, Expected = expected, Found = found };
    }

    /// <summary>A row that came as one.</summary>
    private readonly record struct AnswerRow(long Cell, double X, double[] Y, double[] Levels, double Weight);

    /// <summary>A cell whose rows came as sums, of powers of t.</summary>
    private readonly record struct AnswerCell(long Count, double[] Levels, double Heaviest, double[] Sums);

    /// <summary>What was read so far.</summary>
    private sealed class Answer(int terms, int columns, bool hasWeights)
    {
        // A product's own roundings, beside those of additions.
        private const double OfProducts = 40;

        public SortedDictionary<long, AnswerCell> Cells { get; } = [];

        public List<AnswerRow> Rows { get; } = [];

        private int Towers => hasWeights ? MomentGrid.Towers : 1;

        private int TowerRows => 1 + (2 * columns);

        /// <summary>Adds a cell; false where it is known already.</summary>
        public bool Add(long cell, long count, double[] levels, double heaviest, double[] sums)
        {
            // The number of rows is the first sum of those without weights.
            double[] all = hasWeights ? [.. sums[..(Towers * TowerRows * terms)], count, .. sums[(Towers * TowerRows * terms)..]]
                : [count, .. sums];
            return Cells.TryAdd(cell, new AnswerCell(count, levels, heaviest, all));
        }

        /// <summary>The moments; null where sums are too large for their cells.</summary>
        public Moments? Sum(int exponent)
        {
            var levels = new SortedDictionary<long, (double[] Levels, double Heaviest)>();
            double[] squares = new double[columns];
            double total = 0;
            foreach ((long id, AnswerCell cell) in Cells)
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

            long[] units = [.. squares.Select(square => Math.Sqrt(square / total)).Select(unit =>
                unit > 0 && double.IsFinite(unit) ? Math.Clamp(Math.ILogB(unit) + 4, MomentGrid.LeastExponent, MomentGrid.MostExponent)
                    : 0L)];
            long[] weightExponents = hasWeights ? [.. levels.Values.Select(cell => MomentGrid.ExponentOf(cell.Heaviest))] : [];
            var grid = new MomentGrid(
                exponent, units, terms, [.. levels.Keys], [.. levels.Values.SelectMany(cell => cell.Levels)], weightExponents);
            var moments = new Moments(grid);
            double[] polynomials = Chebyshev.InPowers(terms);
            foreach ((long id, AnswerCell cell) in Cells)
            {
                if (SumsOf(cell, grid, id, polynomials) is not { } sums)
                {
                    return null;
                }

                moments.Set(id, cell.Count, sums, (cell.Count + OfProducts) * MomentSums.Rounding);
            }

            moments.Add(
                [.. Rows.Select(row => row.X)],
                [.. Rows.SelectMany(row => row.Y)],
                hasWeights ? [.. Rows.Select(row => row.Weight)] : default);
            return moments;
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
                unit += kind == 0 ? 0 : (int)grid.UnitExponents[(kind - 1) / 2] * (kind % 2 == 1 ? 1 : 2);
                for (int k = 0; k < terms; k++)
                {
                    double sum = 0;
                    for (int j = 0; j <= k; j++)
                    {
                        sum += polynomials[(k * terms) + j] * cell.Sums[(row * terms) + j];
                    }

                    double scaled = Math.ScaleB(sum, FixedPointSums.Bits - unit);
                    if (!(Math.Abs(scaled) < Math.ScaleB(1, 126)))
                    {
                        return null;
                    }

                    sums[(row * terms) + k] = (Int128)Math.Round(scaled);
                }
            }

            return sums;
        }
    }
}
