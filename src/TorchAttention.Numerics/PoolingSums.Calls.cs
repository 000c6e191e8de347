using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;

namespace TorchAttention.Numerics;

/// <content>What is compiled for each kernel.</content>
public sealed unsafe partial class PoolingSums
{
    // Sums with others added.
    private readonly ref struct Adding(PoolingSums sums, AnswerFrame otherFrame, QueryRows others) : IKernelCall<PoolingSums>
    {
        private readonly double[] _row = new double[others.Layout.Length];

        public PoolingSums Run<TKernel>()
            where TKernel : IKernel
        {
            AnswerFrame frame = sums._frame.With(otherFrame);
            QueryRows merged = sums.Neutral();
            merged.LeastWeightSum = Math.Max(sums._rows.LeastWeightSum, others.LeastWeightSum);
            merged.AreInAllSums = sums._rows.AreInAllSums || others.AreInAllSums;
            merged.PlaneGradientFactor = Math.Max(sums._rows.PlaneGradientFactor, others.PlaneGradientFactor);
            var merge = new RowMerge(
                merged.Layout, TKernel.ArgumentScale, KernelTraits<TKernel>.IsGaussian, frame.InverseBandwidths);
            for (int query = 0; query < sums.Count; query++)
            {
                merged.AreCareful[query] = sums._rows.AreCareful[query] && others.AreCareful[query];
                if (merged.AreCareful[query])
                {
                    QueryRows nearer = Nearer(query);
                    nearer.ReferenceOf(query).CopyTo(merged.ReferenceOf(query));
                    merged.Offsets[query] = nearer.Offsets[query];
                }

                Add(merged, query, frame, sums._frame, sums._rows, merge);
                Add(merged, query, frame, otherFrame, others, merge);
            }

            return new PoolingSums(sums.Kernel, merged, frame, sums._queries, sums.Method, sums._tolerance);
        }

        // The one whose reference is nearer; positions and weights keep their digits about that.
        private QueryRows Nearer(int query)
        {
            bool hasFirst = sums._rows.RowOf(query)[SumLayout.WeightSum] > 0;
            bool hasSecond = others.RowOf(query)[SumLayout.WeightSum] > 0;
            return hasFirst && !(hasSecond && Distance(others, query) < Distance(sums._rows, query)) ? sums._rows : others;
        }

        private double Distance(QueryRows rows, int query)
        {
            double square = 0;
            for (int j = 0; j < sums.Features; j++)
            {
                double u = (sums._queries[(query * sums.Features) + j] - rows.ReferenceOf(query)[j]) * sums._frame.InverseBandwidths[j];
                square += u * u;
            }

            return square;
        }

        private void Add(QueryRows merged, int query, AnswerFrame frame, AnswerFrame from, QueryRows rows, in RowMerge merge)
        {
            double factor = Math.Exp(rows.Offsets[query] - merged.Offsets[query]) * (from.LargestSampleWeight / frame.LargestSampleWeight);
            Span<double> shift = stackalloc double[frame.Columns];
            Span<double> ratio = stackalloc double[frame.Columns];
            for (int c = 0; c < shift.Length; c++)
            {
                shift[c] = (from.Centres[c] - frame.Centres[c]) / frame.HalfRanges[c];
                ratio[c] = from.HalfRanges[c] / frame.HalfRanges[c];
            }

            merged.Errors[query] += Times(rows.Errors[query], factor);
            merged.SquaredErrors[query] += Times(rows.SquaredErrors[query], factor * factor);
            merged.Elsewhere[query] += Times(rows.Elsewhere[query], factor);
            AddNearest(merged, query, rows, from.LargestSampleWeight / frame.LargestSampleWeight, shift, ratio);
            if (!(rows.RowOf(query)[SumLayout.WeightSum] > 0 && factor > 0))
            {
                return;
            }

            Span<double> row = _row;
            rows.RowOf(query).CopyTo(row);
            if (shift.ContainsAnyExcept(0) || ratio.ContainsAnyExcept(1))
            {
                merge.Revalue(row, shift, ratio);
            }

            if (!rows.ReferenceOf(query).SequenceEqual(merged.ReferenceOf(query)))
            {
                ReadOnlySpan<double> place = sums._queries.AsSpan(query * sums.Features, sums.Features);
                merge.Move(row, place, rows.ReferenceOf(query), merged.ReferenceOf(query));
            }

            merge.AddTo(merged.RowOf(query), row, factor);
        }

        private static double Times(double error, double factor) => error == 0 ? 0 : error * factor;

        private static void AddNearest(
            QueryRows merged, int query, QueryRows rows, double factor, ReadOnlySpan<double> shift, ReadOnlySpan<double> ratio)
        {
            double weight = rows.NearestWeights[query] * factor;
            if (!(weight > 0) || (merged.NearestWeights[query] > 0 && rows.NearestSquares[query] > merged.NearestSquares[query]))
            {
                return;
            }

            if (rows.NearestSquares[query] < merged.NearestSquares[query])
            {
                merged.NearestWeights[query] = 0;
                merged.NearestOf(query).Clear();
            }

            double before = merged.NearestWeights[query];
            for (int c = 0; c < shift.Length; c++)
            {
                ref double mean = ref merged.NearestOf(query)[c];
                mean = ((before * mean) + (weight * (shift[c] + (ratio[c] * rows.NearestOf(query)[c])))) / (before + weight);
            }

            merged.NearestWeights[query] = before + weight;
            merged.NearestSquares[query] = rows.NearestSquares[query];
        }
    }

    // How far each query's answer may be off; infinitely where the sums are not good for one.
    private readonly ref struct Judging(PoolingSums sums) : IKernelCall<double[]>
    {
        public double[] Run<TKernel>()
            where TKernel : IKernel
        {
            double[] bounds = new double[sums.Count];
            fixed (double* queries = sums._queries, rows = sums._rows.Sums)
            {
                SumLayout layout = sums._rows.Layout;
                var writer = new AnswerWriter<TKernel, double>(sums._frame, queries) { GivenLayout = layout };
                for (int query = 0; query < bounds.Length; query++)
                {
                    double* row = rows + ((long)query * layout.Length);
                    RowErrors errors = sums._rows.ErrorsOf(query);
                    bool isGood;
                    if (sums._rows.AreCareful[query])
                    {
                        bool hasNeighbour = row[SumLayout.WeightSum] > 0;
                        bounds[query] = hasNeighbour && errors.WeightSum > 0 ? 2 * errors.WeightSum / row[SumLayout.WeightSum] : 0;
                        isGood = !(hasNeighbour && layout.HasPlanes && writer.IsDoubtful(row, errors.Elsewhere / sums._tolerance));
                    }
                    else
                    {
                        isGood = Trust.IsGood(
                            writer, layout, query, row, sums._rows.LeastWeightSum, errors, 0, sums._tolerance, out bounds[query]);
                    }

                    bounds[query] = isGood ? bounds[query] : double.PositiveInfinity;
                }
            }

            return bounds;
        }
    }

    private readonly ref struct Answering(PoolingSums sums, PoolingOutput<double> output, NoNeighbourPolicy noNeighbour)
        : IKernelCall<PoolingReport>
    {
        private readonly PoolingOutput<double> _output = output;

        public PoolingReport Run<TKernel>()
            where TKernel : IKernel
        {
            PoolingSums answered = sums;
            NoNeighbourPolicy policy = noNeighbour;
            fixed (double* queries = sums._queries)
            {
                return AnswerWriter<TKernel, double>.To(
                    sums._frame, queries, _output, sums._rows.Layout, writer => Answer(writer, answered, policy));
            }
        }

        private static PoolingReport Answer<TKernel>(
            AnswerWriter<TKernel, double> writer, PoolingSums sums, NoNeighbourPolicy noNeighbour)
            where TKernel : IKernel
        {
            QueryRows rows = sums._rows;
            CheckParts(writer.NeededLayout, rows.Layout);
            fixed (double* first = rows.Sums, references = rows.References, nearest = rows.NearestValues)
            {
                for (int query = 0; query < sums.Count; query++)
                {
                    double* row = first + ((long)query * rows.Layout.Length);
                    if (row[SumLayout.WeightSum] > 0)
                    {
                        writer.Write(query, row, rows.Offsets[query], references + ((long)query * sums.Features));
                    }
                    else
                    {
                        bool isKnown = noNeighbour == NoNeighbourPolicy.Nearest && rows.NearestWeights[query] > 0;
                        writer.WriteWithoutNeighbour(query, isKnown ? nearest + ((long)query * sums.Columns) : null);
                    }
                }
            }

            int[] without = writer.WithoutNeighbour();
            return without.Length > 0 && noNeighbour == NoNeighbourPolicy.Error
                ? throw new NoNeighbourException(without)
                : new PoolingReport
                {
                    Method = sums.Method,
                    Reason = "merged sums",
                    ErrorBound = sums._bounds.Value.Where(double.IsFinite).DefaultIfEmpty(0).Max(),
                    Recomputed = rows.AreCareful.Count(isCareful => isCareful),
                    WithoutNeighbour = without,
                };
        }

        private static void CheckParts(in SumLayout needed, in SumLayout given)
        {
            PoolingParts missing = PartsOf(needed) & ~PartsOf(given);
            if (missing != PoolingParts.None)
            {
                throw new InvalidOperationException($"Expected outputs that these sums hold the parts for; they lack {missing}.");
            }
        }
    }
}
