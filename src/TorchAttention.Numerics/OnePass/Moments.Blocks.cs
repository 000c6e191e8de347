namespace TorchAttention.Numerics.OnePass;

/// <content>Rows are put in order of their cells, a block at a time.</content>
public sealed partial class Moments
{
    // By counting, as many rows of a cell as there are side by side.
    private void AddBlock(CellStore cells, ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights)
    {
        if (_places.Length < x.Length)
        {
            (_places, _placeOfRow, _cellOfRow) = (new double[x.Length], new double[x.Length], new int[x.Length]);
            for (int c = 0; c < _values.Length; c++)
            {
                _values[c] = new double[x.Length];
            }
        }

        if (Grid.HasWeights && _weights.Length < x.Length)
        {
            _weights = new double[x.Length];
        }

        double inverse = Math.ScaleB(1, -Grid.Exponent);
        (double least, double most) = (LeastX, MostX);
        for (int i = 0; i < x.Length; i++)
        {
            double key = x[i] * inverse;
            double cell = Math.Floor(key);
            _placeOfRow[i] = (2 * (key - cell)) - 1;
            _cellOfRow[i] = cells.PlaceOf((long)cell);
            least = Math.Min(least, x[i]);
            most = Math.Max(most, x[i]);
        }

        if (_ends.Length < cells.Cells)
        {
            _ends = new int[2 * cells.Cells];
        }

        Span<int> ends = _ends.AsSpan(0, cells.Cells);
        ends.Clear();
        for (int i = 0; i < x.Length; i++)
        {
            ends[_cellOfRow[i]]++;
        }

        int sum = 0;
        for (int cell = 0; cell < ends.Length; cell++)
        {
            (ends[cell], sum) = (sum, sum + ends[cell]);
        }

        int columns = Grid.Columns;
        bool hasOrder = columns > 1 || Grid.HasWeights;
        if (hasOrder && _order.Length < x.Length)
        {
            _order = new int[x.Length];
        }

        double largest = 0;
        double[] first = columns > 0 ? _values[0] : [];
        double firstUnit = 1 / Grid.ValueUnitAt();
        for (int i = 0; i < x.Length; i++)
        {
            int cell = _cellOfRow[i];
            int at = ends[cell]++;
            _places[at] = _placeOfRow[i];
            if (columns > 0)
            {
                double value = (y[i * columns] - cells.LevelAt(cell, 0)) * firstUnit;
                largest = Math.Max(largest, Math.Abs(value));
                first[at] = value;
            }

            if (hasOrder)
            {
                _order[i] = at;
            }
        }

        FixedPointSums.CheckLargest(largest, Grid.ValueUnitAt());
        for (int c = 1; c < columns; c++)
        {
            SetValues(cells, y, c);
        }

        if (Grid.HasWeights)
        {
            SetWeights(cells, x.Length, weights);
        }

        bool areKept = false;
        int start = 0;
        for (int cell = 0; cell < ends.Length; cell++)
        {
            int end = ends[cell];
            if (end > start)
            {
                Span<double> places = _places.AsSpan(start, end - start);
                if (Grid.HasWeights)
                {
                    FixedPointSums.Add(places, _values, start, _weights.AsSpan(start, end - start), cells.SumsAt(cell), Grid.Terms);
                }
                else
                {
                    FixedPointSums.Add(places, _values, start, cells.SumsAt(cell), Grid.Terms);
                }

                areKept |= cells.Count(cell, end - start);
                start = end;
            }
        }

        for (int i = 0; areKept && i < x.Length; i++)
        {
            cells.Keep(_cellOfRow[i], x[i], y.Slice(i * columns, columns), weights.IsEmpty ? 1 : weights[i]);
        }

        (LeastX, MostX) = (least, most);
        Count += x.Length;
    }

    private void SetValues(CellStore cells, ReadOnlySpan<double> y, int column)
    {
        double largest = 0;
        double unit = 1 / Grid.ValueUnitAt(column);
        double[] values = _values[column];
        for (int at = column, i = 0; at < y.Length; at += _values.Length, i++)
        {
            double value = (y[at] - cells.LevelAt(_cellOfRow[i], column)) * unit;
            largest = Math.Max(largest, Math.Abs(value));
            values[_order[i]] = value;
        }

        FixedPointSums.CheckLargest(largest, Grid.ValueUnitAt(column));
    }

    private void SetWeights(CellStore cells, int rows, ReadOnlySpan<double> weights)
    {
        for (int i = 0; i < rows; i++)
        {
            int at = _order[i];
            double unit = cells.WeightUnitAt(_cellOfRow[i]);
            double largest = 0;
            foreach (double[] values in _values)
            {
                largest = Math.Max(largest, Math.Abs(values[at]));
            }

            _weights[at] = (weights.IsEmpty ? 1 : weights[i]) / unit;
            FixedPointSums.CheckLargest(_weights[at], largest, unit);
        }
    }
}
