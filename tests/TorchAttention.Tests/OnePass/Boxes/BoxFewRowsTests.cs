using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Rows that are nearly alone in their boxes are fitted as rows.</summary>
public sealed class BoxFewRowsTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(0, true)]
    public void FewRows_AreFittedInMemory(int degree, bool areClasses)
    {
        BoxRows rows = BoxRows.Draw("uniform", 300, 3, 4);
        string[] labels = rows.Labels();
        var options = new KernelRegressionOptions { Degree = degree, Bandwidth = Bandwidth.LeaveOneOut };
        BoxGrid grid = areClasses ? BoxGrid.ChooseClasses(rows.X, labels, 3, rows.Count) : BoxGrid.Choose(rows.X, rows.Y, 3, rows.Count);
        BoxRegression model = Fit([.. Enumerable.Range(0, rows.Count)], 0);
        KernelRegression memory = areClasses ? KernelRegression.FitClasses(rows.X, labels, 3, options)
            : KernelRegression.Fit(rows.X, rows.Y, 3, options);

        Assert.NotNull(model.OfRows);
        Assert.Equal(memory.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError, 1e-9);
        Assert.All(memory.Bandwidths.Zip(model.Bandwidths), pair => Assert.Equal(1, pair.Second / pair.First, 1e-6));
        double[] queries = rows.X[..60];
        (Predictions expected, Predictions actual) = (memory.Predict(queries), model.Predict(queries));
        Assert.All(expected.Mean.Zip(actual.Mean), pair => Assert.Equal(pair.First, pair.Second, 1e-7));
        Assert.All(expected.StandardError.Zip(actual.StandardError), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        if (areClasses)
        {
            Assert.Equal(rows.LogLoss(labels, [], [.. model.Bandwidths]), model.LeaveOneOutLogLoss, 1e-9);
        }

        // In another order, of two parts, to the bit.
        int[] backwards = [.. Enumerable.Range(0, rows.Count).Reverse()];
        BoxRegression again = Fit(backwards, 100);
        Assert.Equal(model.Bandwidths, again.Bandwidths);
        Assert.Equal(model.Diagnostics.LeaveOneOutError, again.Diagnostics.LeaveOneOutError);

        BoxRegression Fit(int[] order, int first)
        {
            var moments = new BoxMoments(grid);
            foreach (int[] part in (int[][])[order[..first], order[first..]])
            {
                var own = new BoxMoments(grid);
                double[] x = [.. part.SelectMany(i => rows.X[(3 * i)..((3 * i) + 3)])];
                if (areClasses)
                {
                    own.AddClasses(x, [.. part.Select(i => labels[i])]);
                }
                else
                {
                    own.Add(x, [.. part.Select(i => rows.Y[i])]);
                }

                moments.Merge(own);
            }

            return BoxRegression.Fit(moments, new MomentOptions { Degree = degree });
        }
    }

    [Fact]
    public void ManyRowsInABox_AreSums()
    {
        BoxRows rows = BoxRows.Draw("uniform", 3000, 2, 4);
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, 2, rows.Count, [0.2, 0.2]));
        moments.Add(rows.X, rows.Y);
        Assert.Null(BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.Fixed(0.2) }).OfRows);
    }
}
