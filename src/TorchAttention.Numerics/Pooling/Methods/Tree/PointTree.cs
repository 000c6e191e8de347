namespace TorchAttention.Numerics.Pooling.Methods.Tree;

/// <summary>
/// Points in an order in which neighbours in space stand together, in leaves of equal size but for wide ones, which are cut again, and
/// boxes around ever more of them.
/// </summary>
/// <remarks>
/// A k-d tree: each box is cut at a leaf's boundary near the median of its longest side, measured in bandwidths. Time n log n, memory (d +
/// 1) numbers a point and 2 d a box.
/// </remarks>
/// <typeparam name="T">float or double.</typeparam>
internal sealed unsafe class PointTree<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // Loops over vectors may read this far past the end.
    private const int Padding = 64;

    private readonly Scratch _points;
    private readonly Scratch _order;
    private readonly double[] _units;
    private readonly double[] _origin;
    private readonly int _leafSize;
    private readonly double _mostSide;
    private readonly List<Node> _nodes = [];
    private readonly List<double> _boxes = [];

    /// <summary>Builds a tree.</summary>
    /// <param name="points">Points (n, d), row by row.</param>
    /// <param name="count">n.</param>
    /// <param name="origin">Where boxes count from (d): near the points, so that their corners lose no digits far from 0.</param>
    /// <param name="inverseBandwidths">w = 1/h (d).</param>
    /// <param name="leafSize">The points in a leaf; the last one, and what is cut again, may have fewer.</param>
    /// <param name="mostSide">How long a leaf of several points may be, in bandwidths; a longer one is cut again.</param>
    public PointTree(
        T* points, int count, T* origin, double[] inverseBandwidths, int leafSize, double mostSide = double.PositiveInfinity)
    {
        Count = count;
        Features = inverseBandwidths.Length;
        Stride = count + Padding;
        _units = [.. inverseBandwidths.Select(Math.Abs)];
        _origin = new double[Features];
        (_leafSize, _mostSide) = (leafSize, mostSide);
        _points = new Scratch((long)Stride * Features * sizeof(T));
        _order = new Scratch((long)count * sizeof(int));
        for (int j = 0; j < Features; j++)
        {
            _origin[j] = double.CreateTruncating(origin[j]);
        }

        for (int i = 0; i < count; i++)
        {
            Order[i] = i;
            for (int j = 0; j < Features; j++)
            {
                Column(j)[i] = points[((long)i * Features) + j];
            }
        }

        Build(0, count);
    }

    public int Count { get; }

    public int Features { get; }

    /// <summary>The distance from one column of points to the next.</summary>
    public int Stride { get; }

    /// <summary>The place that each point had.</summary>
    public int* Order => _order.As<int>();

    /// <summary>Points (d, stride) in the tree's order.</summary>
    public T* Points => _points.As<T>();

    /// <summary>The nodes, each before its branches; the first is the root.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>A coordinate of all points.</summary>
    public T* Column(int feature) => Points + ((long)feature * Stride);

    /// <summary>A coordinate of a point as boxes have it, in bandwidths.</summary>
    public double InBandwidths(int place, int feature) => InBandwidths(Column(feature)[place], feature);

    /// <summary>The corners of a node's box, in bandwidths: least (d), then most (d).</summary>
    public ReadOnlySpan<double> Box(int node) =>
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_boxes).Slice(node * 2 * Features, 2 * Features);

    /// <summary>The squared distances between the nearest and between the furthest places of two boxes.</summary>
    public static (double Least, double Most) SquaredDistances(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        int features = a.Length / 2;
        double least = 0;
        double most = 0;
        for (int j = 0; j < features; j++)
        {
            double gap = Math.Max(0, Math.Max(a[j] - b[features + j], b[j] - a[features + j]));
            double span = Math.Max(a[features + j] - b[j], b[features + j] - a[j]);
            least += gap * gap;
            most += span * span;
        }

        return (least, most);
    }

    public void Dispose()
    {
        _points.Dispose();
        _order.Dispose();
    }

    private double InBandwidths(T coordinate, int feature) => (double.CreateTruncating(coordinate) - _origin[feature]) * _units[feature];

    private void Build(int first, int end)
    {
        int node = _nodes.Count;
        _nodes.Add(default);
        (int longest, double side) = AddBox(first, end);
        int leaves = (end - first + _leafSize - 1) / _leafSize;
        if (leaves <= 1 && (end - first == 1 || !(side > _mostSide)))
        {
            _nodes[node] = new Node(first, end, -1);
            return;
        }

        int middle = first + (leaves > 1 ? leaves / 2 * _leafSize : (end - first) / 2);
        Select(Column(longest), first, end - 1, middle);
        Build(first, middle);
        _nodes[node] = new Node(first, end, _nodes.Count);
        Build(middle, end);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (int Longest, double Side) AddBox(int first, int end)
    {
        int longest = 0;
        double length = -1;
        int box = _boxes.Count;
        _boxes.AddRange(new double[2 * Features]);
        for (int j = 0; j < Features; j++)
        {
            T* column = Column(j);
            T least = column[first];
            T most = column[first];
            for (int i = first + 1; i < end; i++)
            {
                least = T.MinNative(least, column[i]);
                most = T.MaxNative(most, column[i]);
            }

            double low = InBandwidths(least, j);
            double high = InBandwidths(most, j);
            _boxes[box + j] = low;
            _boxes[box + Features + j] = high;
            if (high - low > length)
            {
                (longest, length) = (j, high - low);
            }
        }

        return (longest, length);
    }

    // Hoare's selection: afterwards nothing left of the place is larger than it, and nothing right of it smaller.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Select(T* column, int left, int right, int place)
    {
        while (left < right)
        {
            T pivot = Median(column[left], column[(int)(((uint)left + (uint)right) / 2)], column[right]);
            int i = left;
            int j = right;
            while (i <= j)
            {
                while (column[i] < pivot)
                {
                    i++;
                }

                while (column[j] > pivot)
                {
                    j--;
                }

                if (i <= j)
                {
                    Swap(i++, j--);
                }
            }

            if (place <= j)
            {
                right = j;
            }
            else if (place >= i)
            {
                left = i;
            }
            else
            {
                return;
            }
        }
    }

    private static T Median(T a, T b, T c) => T.Max(T.Min(a, b), T.Min(T.Max(a, b), c));

    private void Swap(int i, int j)
    {
        for (int k = 0; k < Features; k++)
        {
            T* column = Column(k);
            (column[i], column[j]) = (column[j], column[i]);
        }

        (Order[i], Order[j]) = (Order[j], Order[i]);
    }

    /// <summary>
    /// Some neighbouring points; their first branch follows, the second stands at a place of its own, or at -1 for a leaf.
    /// </summary>
    internal readonly record struct Node(int First, int End, int SecondBranch)
    {
        public bool IsLeaf => SecondBranch < 0;
    }
}
