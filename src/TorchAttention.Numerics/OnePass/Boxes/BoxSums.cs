namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// A Gaussian's sums over all rows at the nodes of boxes. K is a product, so that sums over the boxes in reach are made along one feature
/// after the other: what all boxes of one place of the first feature need is computed once.
/// </summary>
internal sealed class BoxSums
{
    private const int K = BoxTerms.K;

    // A Gaussian's weight beyond the reach is this part of all weights.
    private const double Beyond = 1e-17;

    // What is rounded, beside what is left out.
    private const double Rounded = 2e-14;

    private readonly BoxLevel _level;
    private readonly BoxLayout _layout;
    private readonly int[] _reach;
    private readonly double[][][][] _tables;
    private readonly double[][] _beside;
    private readonly double _unit;
    private readonly List<Source> _sources;

    /// <summary>Prepares bandwidths.</summary>
    /// <param name="level">The moments.</param>
    /// <param name="h">The bandwidths (d).</param>
    /// <param name="layout">What is summed.</param>
    public BoxSums(BoxLevel level, ReadOnlySpan<double> h, BoxLayout layout)
    {
        (_level, _layout, _unit) = (level, layout, Rounded);
        int d = level.Features;
        double least = level.HasWeights ? level.Weights.DefaultIfEmpty(1).Min() : 1;
        double reach = Math.Sqrt(2 * Math.Log(Math.Max(least, level.Weights.Sum()) / (Beyond * least)));
        (_reach, _tables, _beside) = (new int[d], new double[d][][][], new double[d][]);
        for (int j = 0; j < d; j++)
        {
            double half = level.Widths[j] / (2 * h[j]);
            _unit += Truncation.Anywhere(half, K - 1, 2);
            _reach[j] = (int)Math.Ceiling(reach / (2 * half)) + 1;
            _tables[j] = [.. Enumerable.Range(-_reach[j], (2 * _reach[j]) + 1).Select(o => TablesOf(half, o, layout))];

            // What is left out of a box's series falls with the distance as the root of the kernel does (docs/certificates.md).
            _beside[j] = [.. Enumerable.Range(0, _reach[j] + 1).Select(
                o => Math.Exp(-0.25 * Math.Pow(half * Math.Max(0, (2 * o) - 1), 2)))];
        }

        int terms = level.Terms.Count;
        _sources = [.. Enumerable.Range(0, level.Count).Select(i => new Source(
            level.Ids[i],
            [
                new ArraySegment<double>(level.All.M, i * terms, terms),
                .. level.Products.Select(products => new ArraySegment<double>(products, i * terms, terms)),
            ])
        {
            Size = level.Weights[i],
        })];
    }

    /// <summary>Answers for boxes.</summary>
    /// <param name="ids">Their numbers, in any order, and as often as they are asked for; a box need not hold rows.</param>
    /// <param name="isWithoutOwn">Of which places the sums are to be over all rows but those that the box keeps as rows.</param>
    /// <param name="answer">Given the place of a box among them, from several threads.</param>
    /// <param name="threads">The most threads; all where null.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public void At(
        long[] ids,
        Func<int, bool> isWithoutOwn,
        Answer answer,
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

    // Of p, the way to a row, which is -v; and of K^2, which is a Gaussian narrower by the root of 2.
    private static double[][] TablesOf(double half, int o, BoxLayout layout)
    {
        double[][] tables = MomentSums.Tables(half, o, layout.MostPower + 1, K, layout.Degree);
        double[][] squares = layout.Kind != BoxSumsKind.Squares ? []
            : MomentSums.Tables(Math.Sqrt(2) * half, o, 1 + (2 * layout.Degree), K, layout.Degree);
        return [
            .. tables.Select((table, power) => Scaled(table, power % 2 == 0 ? 1 : -1)),
            .. squares.Select((table, power) => Scaled(table, Math.Pow(-Math.Sqrt(2), -power))),
        ];
    }

    private static double[] Scaled(double[] table, double factor) => factor == 1 ? table : Array.ConvertAll(table, one => factor * one);

    /// <summary>An answer for a box.</summary>
    /// <param name="at">Its place among those asked for.</param>
    /// <param name="sums">The sums (terms; K^d).</param>
    /// <param name="off">What a sum of weights is off by, roughly.</param>
    /// <param name="scratch">Room to work in.</param>
    internal delegate void Answer(int at, double[][] sums, double off, double[][] scratch);

    /// <summary>Numbers of the boxes that agree in the places of all features not yet summed over.</summary>
    /// <param name="Id">These places.</param>
    /// <param name="Sums">The numbers of each kind.</param>
    internal sealed record Source(long Id, ArraySegment<double>[] Sums)
    {
        /// <summary>What they weigh, by how much of it a series may leave out.</summary>
        public double Size { get; set; }
    }

    /// <summary>A thread's way from feature to feature.</summary>
    private sealed class Walk(BoxSums owner, long[] ids, Func<int, bool> isWithoutOwn, Answer answer)
    {
        private readonly BoxLevel _level = owner._level;
        private readonly List<Source>[] _path = new List<Source>[owner._level.Features];
        private readonly Stack<double[]> _free = [];

        private int Bits => 63 / _level.Features;

        private readonly double[][] _scratch =
            [.. Enumerable.Range(0, BoxFit.ScratchOf(owner._level, owner._layout)).Select(_ => new double[owner._level.Terms.Nodes])];

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
                    answer(targets[start], Arrays(sum), owner._unit * sum.Size, _scratch);
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
            return box < 0 || !_level.HasLight(box) ? null
                : new Source(
                    id,
                    [
                        new ArraySegment<double>(_level.Light[0].M, box * terms, terms),
                        .. Enumerable.Range(0, _level.Columns).Select(c => new ArraySegment<double>(_level.LightProducts(box, c))),
                    ])
                {
                    Size = _level.Light[0].M[box * terms],
                };
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
            (int From, int Table)[] outputs = owner._layout.Stages[feature];
            to.Size += from.Size * owner._beside[feature][Math.Abs(o)];
            for (int i = 0; i < outputs.Length; i++)
            {
                BoxLoops.Add(_level.Terms.Stages[feature], from.Sums[outputs[i].From], tables[outputs[i].Table], to.Sums[i]);
            }
        }

        private Source NewSource(int feature, long id)
        {
            var sums = new ArraySegment<double>[owner._layout.Stages[feature].Length];
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
