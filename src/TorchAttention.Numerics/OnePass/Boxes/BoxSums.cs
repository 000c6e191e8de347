namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>What is summed beside the weights S0 = sum s K and the products T0 = sum s K (y - origin) of each column.</summary>
internal enum BoxSumsKind
{
    /// <summary>Nothing.</summary>
    Plain,

    /// <summary>Their derivatives by log h_j, sum s K v_j^2 and sum s K v_j^2 (y - origin), as many for each feature.</summary>
    Slopes,

    /// <summary>R0 = sum s K^2, and sum s K v_j^2 of each feature.</summary>
    Squares,
}

/// <summary>
/// A Gaussian's sums over all rows at the nodes of boxes. K is a product, so that sums over the boxes in reach are made along one feature
/// after the other: what all boxes of one place of the first feature need is computed once.
/// </summary>
internal sealed class BoxSums
{
    private const int K = BoxTerms.K;

    // A Gaussian's weight beyond the reach is this part of all weights.
    private const double Beyond = 1e-17;

    // Tables of a box so many boxes away.
    private const int Weight = 0;
    private const int Slope = 2;
    private const int Square = 3;

    private readonly BoxLevel _level;
    private readonly int[] _reach;
    private readonly double[][][][] _tables;
    private readonly (int From, int Table)[][] _outputs;
    private readonly List<Source> _sources;
    private readonly bool _hasSquares;

    /// <summary>Prepares bandwidths.</summary>
    /// <param name="level">The moments.</param>
    /// <param name="h">The bandwidths (d).</param>
    /// <param name="kind">What is summed.</param>
    public BoxSums(BoxLevel level, ReadOnlySpan<double> h, BoxSumsKind kind)
    {
        _level = level;
        int d = level.Features;
        double least = level.HasWeights ? level.Weights.DefaultIfEmpty(1).Min() : 1;
        double reach = Math.Sqrt(2 * Math.Log(Math.Max(least, level.Weights.Sum()) / (Beyond * least)));
        (_reach, _tables, _outputs) = (new int[d], new double[d][][][], new (int, int)[d][]);
        int own = 1 + level.Columns;
        for (int j = 0; j < d; j++)
        {
            double half = level.Widths[j] / (2 * h[j]);
            _reach[j] = (int)Math.Ceiling(reach / (2 * half)) + 1;
            _tables[j] = [.. Enumerable.Range(-_reach[j], (2 * _reach[j]) + 1).Select(o => TablesOf(half, o, kind))];
            _outputs[j] = kind switch
            {
                BoxSumsKind.Slopes =>
                    [.. Enumerable.Range(0, own * (j + 1)).Select(i => (i, Weight)), .. Enumerable.Range(0, own).Select(i => (i, Slope))],
                BoxSumsKind.Squares =>
                    [.. Enumerable.Range(0, own).Select(i => (i, Weight)), (own, Square),
                        .. Enumerable.Range(own + 1, j).Select(i => (i, Weight)), (0, Slope)],
                _ => [.. Enumerable.Range(0, own).Select(i => (i, Weight))],
            };
        }

        _hasSquares = kind == BoxSumsKind.Squares;
        int terms = level.Terms.Count;
        _sources = [.. Enumerable.Range(0, level.Count).Select(i => new Source(
            level.Ids[i],
            Numbers(
                new ArraySegment<double>(level.All.M, i * terms, terms),
                level.Products.Select(products => new ArraySegment<double>(products, i * terms, terms)))))];
    }

    private ArraySegment<double>[] Numbers(ArraySegment<double> weights, IEnumerable<ArraySegment<double>> products) =>
        _hasSquares ? [weights, .. products, weights] : [weights, .. products];

    /// <summary>Answers for boxes.</summary>
    /// <param name="ids">Their numbers, in any order, and as often as they are asked for; a box need not hold rows.</param>
    /// <param name="isWithoutOwn">Of which places the sums are to be over all rows but those that the box keeps as rows.</param>
    /// <param name="answer">Given the place of a box among them, its sums (kinds; K^d), and room to work in; from several threads.</param>
    /// <param name="threads">The most threads; all where null.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public void At(
        long[] ids,
        Func<int, bool> isWithoutOwn,
        Action<int, double[][], double[][]> answer,
        int? threads,
        CancellationToken cancellationToken)
    {
        int[] order = [.. Enumerable.Range(0, ids.Length)];
        long[] keys = Array.ConvertAll(ids, Reversed);
        Array.Sort(keys, order);
        int[][] groups = [.. order.GroupBy(i => _level.PlaceOf(ids[i], 0)).Select(group => group.ToArray())];
        Parallel.For(
            0,
            groups.Length,
            new ParallelOptions { MaxDegreeOfParallelism = threads ?? -1, CancellationToken = cancellationToken },
            () => new Walk(this, ids, isWithoutOwn, answer),
            (group, _, walk) =>
            {
                walk.Along(0, _sources, groups[group]);
                return walk;
            },
            _ => { });
    }

    // The first feature counts most.
    private long Reversed(long id)
    {
        long reversed = 0;
        for (int j = 0; j < _level.Features; j++)
        {
            reversed = (reversed << (63 / _level.Features)) | _level.PlaceOf(id, j);
        }

        return reversed;
    }

    private static double[][] TablesOf(double half, int o, BoxSumsKind kind)
    {
        double[][] tables = MomentSums.Tables(half, o, kind == BoxSumsKind.Plain ? 1 : Slope + 1, K, 0);
        return kind == BoxSumsKind.Squares ? [.. tables, .. MomentSums.Tables(Math.Sqrt(2) * half, o, 1, K, 0)] : tables;
    }

    /// <summary>Numbers of the boxes that agree in the places of all features not yet summed over.</summary>
    /// <param name="Id">These places.</param>
    /// <param name="Sums">The numbers of each kind.</param>
    internal sealed record Source(long Id, ArraySegment<double>[] Sums);

    /// <summary>A thread's way from feature to feature.</summary>
    private sealed class Walk(BoxSums owner, long[] ids, Func<int, bool> isWithoutOwn, Action<int, double[][], double[][]> answer)
    {
        private readonly BoxLevel _level = owner._level;
        private readonly List<Source>[] _path = new List<Source>[owner._level.Features];
        private readonly Stack<double[]> _free = [];

        private int Bits => 63 / _level.Features;

        private readonly double[][] _scratch =
            [.. Enumerable.Range(0, BoxFit.ScratchOf(owner._level)).Select(_ => new double[owner._level.Terms.Nodes])];

        /// <summary>Sums over a feature, then over those after it.</summary>
        public void Along(int feature, List<Source> sources, ReadOnlySpan<int> targets)
        {
            _path[feature] = sources;
            bool isLast = feature == _level.Features - 1;
            for (int start = 0, end; start < targets.Length; start = end)
            {
                long place = _level.PlaceOf(ids[targets[start]], feature);
                end = start + 1;
                while (!isLast && end < targets.Length && _level.PlaceOf(ids[targets[end]], feature) == place)
                {
                    end++;
                }

                if (isLast)
                {
                    Source sum = isWithoutOwn(targets[start]) ? WithoutOwn(ids[targets[start]]) : Sum(feature, sources, place, 0, 0)[0];
                    answer(targets[start], Arrays(sum), _scratch);
                    Free(sum);
                    continue;
                }

                long least = _level.PlaceOf(ids[targets[start]], feature + 1);
                long most = _level.PlaceOf(ids[targets[end - 1]], feature + 1);
                List<Source> next = Sum(feature, sources, place, least, most);
                Along(feature + 1, next, targets[start..end]);
                next.ForEach(Free);
            }
        }

        // The sums of the box that the way has come to, over all rows but those that it keeps: these are never added and taken away again.
        private Source WithoutOwn(long id)
        {
            Source? others = LightOf(id);
            for (int feature = 0; feature < _level.Features; feature++)
            {
                Source next = NewSource(feature, 0);
                long place = _level.PlaceOf(id, feature);
                long rest = id >> (Bits * (feature + 1));
                foreach (Source source in _path[feature])
                {
                    if (source.Id >> Bits == rest && PlaceOf(source) != place)
                    {
                        Add(feature, source, place, next);
                    }
                }

                if (others is not null)
                {
                    Add(feature, others with { Id = place }, place, next);
                    if (feature > 0)
                    {
                        Free(others);
                    }
                }

                others = next;
            }

            return others!;
        }

        // Without weights a box has none where it keeps rows.
        private Source? LightOf(long id)
        {
            int box = _level.HasWeights ? Array.BinarySearch(_level.Ids, id) : -1;
            int terms = _level.Terms.Count;
            return box < 0 || !_level.HasLight(box) ? null : new Source(id, owner.Numbers(
                new ArraySegment<double>(_level.Light[0].M, box * terms, terms),
                Enumerable.Range(0, _level.Columns).Select(c => new ArraySegment<double>(_level.LightProducts(box, c)))));
        }

        private void Free(Source source) => Array.ForEach(Arrays(source), _free.Push);

        private static double[][] Arrays(Source source) => Array.ConvertAll(source.Sums, sums => sums.Array!);

        private long PlaceOf(Source source) => source.Id & ((1L << Bits) - 1);

        // At one place of a feature, for the places of the next one that matter.
        private List<Source> Sum(int feature, List<Source> sources, long place, long least, long most)
        {
            bool isLast = feature == _level.Features - 1;
            int further = isLast ? 0 : owner._reach[feature + 1];
            List<Source> sums = [];
            for (int start = 0, end; start < sources.Count; start = end)
            {
                long rest = sources[start].Id >> Bits;
                long next = rest & ((1L << Bits) - 1);
                bool isNear = isLast || (next >= least - further && next <= most + further);
                Source? sum = null;
                for (end = start; end < sources.Count && sources[end].Id >> Bits == rest; end++)
                {
                    if (isNear && Math.Abs(PlaceOf(sources[end]) - place) <= owner._reach[feature])
                    {
                        Add(feature, sources[end], place, sum ??= NewSource(feature, rest));
                    }
                }

                if (sum is not null)
                {
                    sums.Add(sum);
                }
            }

            if (isLast && sums.Count == 0)
            {
                sums.Add(NewSource(feature, 0));
            }

            return sums;
        }

        private void Add(int feature, Source from, long place, Source to)
        {
            long o = PlaceOf(from) - place;
            int reach = owner._reach[feature];
            if (Math.Abs(o) > reach)
            {
                return;
            }

            double[][] tables = owner._tables[feature][o + reach];
            (int From, int Table)[] outputs = owner._outputs[feature];
            for (int i = 0; i < outputs.Length; i++)
            {
                BoxLoops.Add(_level.Terms.Stages[feature], from.Sums[outputs[i].From], tables[outputs[i].Table], to.Sums[i]);
            }
        }

        private Source NewSource(int feature, long id)
        {
            var sums = new ArraySegment<double>[owner._outputs[feature].Length];
            for (int i = 0; i < sums.Length; i++)
            {
                double[] numbers = _free.Count > 0 ? _free.Pop() : new double[_level.Terms.Nodes];
                Array.Clear(numbers);
                sums[i] = numbers;
            }

            return new Source(id, sums);
        }
    }
}
