using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

public sealed class StreamingPoolingTests
{
    public static IEnumerable<TheoryDataRow<string>> Devices => PoolingProblem.Devices;

    [Theory]
    [MemberData(nameof(Devices))]
    public void ManyTiles_GiveTheTextbooksNumbers(string device)
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingProblem problem = PoolingProblem.Random(m, n, d, v, seed: m, device);
            (Tensor expected, Tensor expectedLog) = problem.InDoubles().Textbook();
            foreach (StreamingOptions? options in
                new[] { PoolingProblem.TinyTiles, new StreamingOptions { TileBytes = 1 }, new StreamingOptions() })
            {
                (Tensor output, Tensor log) = problem.Stream(options);
                PoolingProblem.AssertClose(expected, output, 1e-13);
                PoolingProblem.AssertClose(expectedLog, log, 1e-13);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Float32_IsAsGoodAsFloat32(string device)
    {
        foreach ((int m, int n, int d, int v) in PoolingProblem.Sizes)
        {
            using DisposeScope scope = NewDisposeScope();
            PoolingProblem problem = PoolingProblem.Random(m, n, d, v, seed: n, device, ScalarType.Float32);
            (Tensor expected, Tensor expectedLog) = problem.InDoubles().Textbook();
            (Tensor output, Tensor log) = problem.Stream();

            Assert.Equal(ScalarType.Float32, output.dtype);
            Assert.Equal(ScalarType.Float32, log.dtype);
            PoolingProblem.AssertClose(expected, output, 5e-6);
            PoolingProblem.AssertClose(expectedLog, log, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void FarFromTheOrigin_Float32LosesNothingThatItHolds(string device)
    {
        // The inputs are rounded to float32 (to 1/16) first; what is computed of them is as good as near the origin.
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(61, 80, 2, 2, seed: 5, device, ScalarType.Float32, offset: 1e6);

        PoolingProblem.AssertClose(problem.InDoubles().Textbook().Output, problem.Stream().Output, 5e-6);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void EqualValues_ComeOutAsTheyAre(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(40, 64, 1, 1, seed: 6, device, ScalarType.Float32);
        problem.Values.FillInPlace(1e6f + 1);

        Assert.All(problem.Stream().Output.ToDoubles(), output => Assert.Equal(1e6 + 1, output));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void QueryAMillionBandwidthsAway_GetsItsNearestNeighboursValue(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        Device place = ComputeDevice.Parse(device);
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            Tensor keys = Numbers(30, type, place);
            Tensor values = keys.Times(10);
            Tensor queries = tensor([-1e6, 1e6, 12.0]).to(type).to(place);
            (Tensor output, Tensor log) = StreamingPooling.PoolWithLogWeightSum(
                queries, keys, values, ones(1, type, place), options: PoolingProblem.TinyTiles);

            output.CheckShape(3);
            Assert.Equal([0, 290], output.ToDoubles()[..2]);
            Assert.Equal(120, output.ToDoubles()[2], 1e-4);
            Assert.Equal(1, -5e11 / log.ToDoubles()[0], 1e-7);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Duplicates_CountOnceEach(string device)
    {
        // Far away, so that the two nearest keys, in different tiles, alone have a weight.
        using DisposeScope scope = NewDisposeScope();
        Device place = ComputeDevice.Parse(device);
        Tensor keys = cat([tensor([5.0]), zeros(200, ScalarType.Float64), tensor([5.0])], dim: 0).to(place);
        Tensor values = Numbers(202, ScalarType.Float64, place);
        Tensor output = StreamingPooling.Pool(
            tensor([1e5], device: place), keys, values, tensor([1.0], device: place), options: PoolingProblem.TinyTiles);

        Assert.Equal(100.5, output.ToDoubles()[0], 1e-12);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void LeaveOneOut_IsTheTextbookWithoutTheDiagonal(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(60, 60, 2, 2, seed: 8, device);
        problem = (problem with { Queries = problem.Keys }).LeavingOut([.. Enumerable.Range(0, 60).Select(i => i % 10 == 9 ? -1L : i)]);
        (Tensor expected, Tensor expectedLog) = problem.InDoubles().Textbook();
        (Tensor output, Tensor log) = problem.Stream();

        PoolingProblem.AssertClose(expected, output, 1e-13);
        PoolingProblem.AssertClose(expectedLog, log, 1e-13);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void QueryWithoutNeighbour_IsNaNAndTouchesNoOther(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        Device place = ComputeDevice.Parse(device);
        Tensor one = tensor([1.0], device: place);
        (Tensor output, Tensor log) = StreamingPooling.PoolWithLogWeightSum(
            tensor([1.0, 2.0, 1e200], device: place), one, one.Times(7), one, tensor([0L, -1, -1], device: place));

        Assert.Equal([double.NaN, 7, double.NaN], output.ToDoubles());
        Assert.Equal([double.NegativeInfinity, -0.5, double.NegativeInfinity], log.ToDoubles().Select(sum => Math.Round(sum, 14)));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void NaN_StaysInItsQuery(string device)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(20, 40, 1, 1, seed: 9, device);
        problem.Queries[3].FillInPlace(double.NaN);
        double[] output = problem.Stream().Output.ToDoubles();

        Assert.All(output.Index(), pair => Assert.Equal(pair.Index == 3, double.IsNaN(pair.Item)));
    }

    [Fact]
    public void Merging_TwoHalvesGivesTheWhole()
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingProblem problem = PoolingProblem.Random(30, 50, 2, 1, seed: 10);
        (Tensor whole, Tensor wholeLog) = problem.Stream();
        (Tensor first, Tensor firstLog) = (problem with { Keys = problem.Keys[..20], Values = problem.Values[..20] }).Stream();
        (Tensor second, Tensor secondLog) = (problem with { Keys = problem.Keys[20..], Values = problem.Values[20..] }).Stream();
        Tensor log = logaddexp(firstLog, secondLog);
        Tensor merged = (first * (firstLog - log).exp().unsqueeze(1)).Plus(second * (secondLog - log).exp().unsqueeze(1));

        PoolingProblem.AssertClose(wholeLog, log, 1e-14);
        PoolingProblem.AssertClose(whole, merged, 1e-13);
    }

    [Fact]
    public void Vectors_GiveVectors()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = tensor([1.0, 2.0]);
        Tensor values = tensor([10.0, 20.0]);
        Tensor output = StreamingPooling.Pool(tensor([0.0]), keys, values, tensor([1.0]));

        output.CheckShape(1);
        Assert.Equal(10 + 10 * (1 - 0.8175744761936437), output.ToDoubles()[0], 1e-13);
        StreamingPooling.Pool(tensor([0.0]), keys, values.unsqueeze(1), tensor([1.0])).CheckShape(1, 1);
    }

    [Fact]
    public void Defaults_AreWhatTheDocumentationSays()
    {
        Assert.Null(new StreamingOptions().TileBytes);
        Assert.Equal(1 << 20, StreamingOptions.CpuTileBytes);
        Assert.Equal(256 << 20, StreamingOptions.DeviceTileBytes);
    }

    [Fact]
    public void WrongInputs_AreRefusedWithWhatCame()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = zeros(5, 2);
        Tensor values = zeros(5);
        Tensor w = ones(2);
        AssertRefused("(3) and (5, 2)", () => StreamingPooling.Pool(zeros(3), keys, values, w));
        AssertRefused("(3, 1) and (5, 2)", () => StreamingPooling.Pool(zeros(3, 1), keys, values, w));
        AssertRefused("each of 5 keys, got (4)", () => StreamingPooling.Pool(keys, keys, zeros(4), w));
        AssertRefused("w (1) or (2) for 2 features, got (3)", () => StreamingPooling.Pool(keys, keys, values, ones(3)));
        AssertRefused("got shape (0, 2)", () => StreamingPooling.Pool(keys, zeros(0, 2), zeros(0), w));
        AssertRefused("got shape (5, 0)", () => StreamingPooling.Pool(zeros(5, 0), zeros(5, 0), values, w));
        AssertRefused("got Float64 on cpu", () => StreamingPooling.Pool(keys, keys, values.to(ScalarType.Float64), w));
        AssertRefused("Expected Float32 or Float64, got Int64", () => StreamingPooling.Pool(zeros(3, 2, int64), keys, values, w));
        AssertRefused(
            "Int64 index for each of 5 queries on cpu, got Int64 (3)", () => StreamingPooling.Pool(keys, keys, values, w, zeros(3, int64)));
        AssertRefused("from -1 (none) to 4, got 5", () => StreamingPooling.Pool(keys, keys, values, w, tensor([0L, 1, 2, 3, 5])));
        AssertRefused("from -1 (none) to 4, got -2", () => StreamingPooling.Pool(keys, keys, values, w, tensor([-2L, 1, 2, 3, 4])));
        AssertRefused(
            "at least 1, got 0", () => StreamingPooling.Pool(keys, keys, values, w, options: new StreamingOptions { TileBytes = 0 }));

        static void AssertRefused(string message, Action action) =>
            Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);
    }
}
