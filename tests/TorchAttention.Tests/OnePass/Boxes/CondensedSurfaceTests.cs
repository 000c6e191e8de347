using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Pieces of polynomials predict as the fit that they were made of.</summary>
public sealed class CondensedSurfaceTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("uniform", 2, 0.15, 1e-6)]
    [InlineData("gaps", 2, 0.25, 1e-4)]
    [LongData("uniform", 3, 0.5, 1e-4)]
    public void Predictions_AreThoseOfTheFit(string kind, int features, double h, double tolerance)
    {
        BoxRows rows = BoxRows.Draw(kind, 4000, features, 8);
        double[] bandwidths = [.. Enumerable.Range(0, features).Select(j => h * (j + 1))];
        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, features, rows.Count, bandwidths));
        moments.Add(rows.X, rows.Y);
        BoxRegression model = BoxRegression.Fit(moments, new MomentOptions { Bandwidth = Bandwidth.Fixed(bandwidths) });
        CondensedSurface surface = model.Condense(tolerance);
        string path = Path.Combine(_folder.FullName, "surface.safetensors");
        surface.Save(path, new Dictionary<string, string> { ["target"] = "z" });
        (CondensedSurface loaded, IReadOnlyDictionary<string, string> notes) = CondensedSurface.Load(path, SafeTensorsFile.Read(path));

        // At rows, and at places between.
        double[] queries = [.. rows.X[..(300 * features)], .. rows.X[..(300 * features)].Select((x, i) => x + (0.1 * Math.Sin(i)))];
        Predictions expected = model.Predict(queries);
        Predictions actual = surface.Predict(queries);
        double range = expected.Mean.Max() - expected.Mean.Min();
        for (int i = 0; i < expected.Mean.Length; i++)
        {
            Assert.Equal(expected.IsOutside[i], actual.IsOutside[i]);
            if (!expected.IsInGap[i])
            {
                Assert.Equal(expected.Mean[i], actual.Mean[i], 3 * tolerance * range);
                Assert.Equal(1, actual.StandardError[i] / expected.StandardError[i], 2e-3);
            }
        }

        Assert.Equal("z", notes["target"]);
        Assert.Equal(actual.Mean, loaded.Predict(queries).Mean);
        Assert.Equal(actual.Upper, loaded.Predict(queries).Upper);
        Assert.InRange(surface.LargestError, 0, tolerance * range * 1.1);

        double[] far = [.. Enumerable.Repeat(1e9, features)];
        Assert.True(double.IsFinite(surface.Predict(far).Mean[0]));
        Assert.True(surface.Predict(far).IsOutside[0]);
        Assert.InRange(DamagedBytes.Refused(path, 1, file => CondensedSurface.Load(file, SafeTensorsFile.Read(file))), 100, 400);
    }
}
