using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Commands;

/// <summary>Predicts the rows of a file with a saved model, a chunk at a time.</summary>
internal static class PredictCommand
{
    /// <param name="trained">Models that fit does not save; null for none.</param>
    /// <param name="clusters">Clusters that may be asked; null for none.</param>
    public static Command Create(ITrainedModels? trained, IShardClusters? clusters = null)
    {
        var options = new PredictOptions();
        var shards = new ShardOptions(clusters);
        Option<string?> model = Options.Text(
            "--model",
            "file",
            trained is null ? "The model, as fit saves it" : "The model, as fit or train saves it; of train's the mean alone is predicted");
        Option<string?> data = Options.Text(
            Options.Data,
            "file",
            $"The queries: a file of CSV, {ExamplesOptions.Endings} with the model's features as columns, or - for CSV on standard input "
                + "(default -)");
        Option<string?> output = Options.Text(
            "--out",
            "file",
            $"Where the predictions go: a file, by its ending one of {RowText.Endings}, or CSV on standard output for - (default -)");
        IReadOnlyList<Option> ofTrained = trained?.Options ?? [];
        const string purpose = "Predict with a saved model: mean, standard error, band, neighbours for each row of a file";
        var command = new Command("predict", purpose) { Options.DataAlone(), model, data, output };
        options.AddTo(command);
        shards.AddTo(command);
        command.AddAll(ofTrained);
        command.SetAction(parsed =>
        {
            var queries = new Queries(
                parsed.GetValue(data) ?? Examples.Standard,
                parsed.GetValue(output) ?? Examples.Standard,
                options.Csv(parsed),
                options.Keep(parsed));
            if (parsed.GetValue(model) is null == !shards.AreAsked(parsed))
            {
                string given = shards.AreAsked(parsed) ? "both" : "neither";
                throw CliException.WrongInput($"predict: expected either --model or --shards, got {given}");
            }

            if (shards.AreAsked(parsed))
            {
                PredictOptions.Refuse(parsed, "train", ofTrained, "shards need none");
                CheckOutput(queries);
                return shards.Predict(parsed, queries, options);
            }

            shards.Refuse(parsed);
            string path = parsed.GetValue(model)!;
            SafeTensorsFile stored = Read(path, queries);

            // What fit saved is known before anything of TorchSharp is looked at.
            if (!FittedModel.IsKnown(stored) && trained?.IsKnown(stored) == true)
            {
                options.RefuseForTrained(parsed);
                return PredictTrained(trained.Load(path, stored, parsed), queries);
            }

            PredictOptions.Refuse(parsed, "train", ofTrained, "what fit saves needs none");
            try
            {
                FittedModel fitted = FittedModel.Load(path, stored);
                PredictionRequest request = options.Read(parsed);
                PredictionOptions asked = fitted.Check(request);
                return queries.Predict(fitted.ColumnsFor(request), written => fitted.Begin(written, asked, queries.Data));
            }
            catch (StorageException e) when (e.Kind == StorageProblem.OtherModel && trained is null)
            {
                throw CliException.WrongInput($"{e.Message}, a model of train, which torchattention predicts", e);
            }
        });
        return command;
    }

    private static SafeTensorsFile Read(string path, Queries queries)
    {
        if (path.Length == 0)
        {
            throw CliException.WrongInput("--model: expected a file, got ''");
        }

        CheckOutput(queries);
        if (queries.Output != Examples.Standard)
        {
            OutputPath.Differs("--out", queries.Output, path, "the model");
        }

        DataStream.RefuseClosed("--model", path);
        return SafeTensorsFile.Read(path);
    }

    private static void CheckOutput(Queries queries)
    {
        if (queries.Output == Examples.Standard)
        {
            return;
        }

        OutputPath.Check("--out", queries.Output);
        if (!RowText.IsKnown(queries.Output))
        {
            throw CliException.WrongInput(
                $"--out: expected a file that ends in one of {RowText.Endings}, got '{PlainText.Brief(queries.Output)}'");
        }

        OutputPath.Differs("--out", queries.Output, queries.Data, "the file of the queries");
    }

    private static int PredictTrained(ITrainedModel trained, Queries queries)
    {
        using ITrainedModel model = trained;
        return queries.Predict(QueryColumns.OfNumbers(model.Features), written =>
        {
            model.WriteHeader(written);
            string source = queries.Data == Examples.Standard ? Examples.StandardInput : queries.Data;
            return (rows, _, keptText, cancellationToken) => model.WriteRows(source, written, rows, keptText, cancellationToken);
        });
    }
}
