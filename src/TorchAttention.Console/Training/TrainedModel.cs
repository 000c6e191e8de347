using TorchAttention.Cli.Regression;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Training;

/// <summary>A model that <c>train</c> saved, for predictions: the mean alone, and whether a query is outside of all examples.</summary>
internal sealed class TrainedModel : ITrainedModel
{
    private static readonly string[] _predicted = ["mean", "flag"];

    private readonly ModelInUnits _model;
    private readonly float[] _least;
    private readonly float[] _most;

    private TrainedModel(ModelInUnits model)
    {
        _model = model;
        int features = Features.Count;
        double[] keys = model.Model.state_dict()["keys"].ToDoubles();
        _least = [.. Enumerable.Range(0, features).Select(j => (float)Column(j).Min())];
        _most = [.. Enumerable.Range(0, features).Select(j => (float)Column(j).Max())];

        IEnumerable<double> Column(int j) => keys.Where((_, i) => i % features == j);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Features => _model.Units.X;

    /// <summary>Loads a model; needs libtorch.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <exception cref="StorageException">It is damaged, or says nothing of its columns.</exception>
    public static TrainedModel Load(string path, SafeTensorsFile file)
    {
        TorchAttention.Training.Module loaded = ModelFile.Load(path, file);
        if (loaded is ModelInUnits model)
        {
            return new TrainedModel(model);
        }

        loaded.Dispose();
        throw new StorageException(StorageProblem.OtherFormat, path)
        {
            Expected = "a model that says what its columns are",
            Found = "one of standard deviations, as train saved them before: train it again, or train --resume its run with more --epochs",
        };
    }

    /// <inheritdoc/>
    public void WriteHeader(PredictedRows rows) => rows.WriteHeader(_predicted);

    /// <inheritdoc/>
    public void WriteRows(
        string source, PredictedRows rows, double[] queries, IReadOnlyList<List<string>> kept, CancellationToken cancellationToken)
    {
        int features = _least.Length;
        CheckScale(source, queries);
        double[] predictions = _model.Predict(queries, cancellationToken);
        for (int i = 0; i < predictions.Length; i++)
        {
            ReadOnlySpan<double> query = queries.AsSpan(i * features, features);
            rows.Begin(query, kept, i);
            rows.Add(predictions[i]);
            rows.Add(IsOutside(query) ? PredictionText.Outside : "");
            rows.End();
        }
    }

    public void Dispose() => _model.Dispose();

    // A model of float32 has no number for what is 1e38 deviations away.
    private void CheckScale(string source, double[] queries)
    {
        for (int i = 0; i < queries.Length; i++)
        {
            int j = i % _least.Length;
            Standardization scale = _model.Units.XScales[j];
            if (!float.IsFinite((float)scale.Apply(queries[i])))
            {
                throw new TableException(TableProblem.Unusable, source)
                {
                    Column = Features[j],
                    Expected =
                        $"numbers of one scale with the model's, whose mean is {Exact(scale.Mean)} and deviation {Exact(scale.Deviation)}",
                    Found = Exact(queries[i]),
                };
            }
        }
    }

    // In the numbers that the keys are kept in, so that an example itself is never outside.
    private bool IsOutside(ReadOnlySpan<double> query)
    {
        for (int j = 0; j < query.Length; j++)
        {
            float standardized = (float)_model.Units.XScales[j].Apply(query[j]);
            if (!(standardized >= _least[j] && standardized <= _most[j]))
            {
                return true;
            }
        }

        return false;
    }
}
