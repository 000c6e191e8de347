using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Server.Models;

/// <summary>A model as its file had it at one time; a file that changes becomes another one.</summary>
internal sealed class ServedModel
{
    // A model of train keeps what its last call left, for who draws it.
    private readonly Lock _oneAtATime = new();

    private ServedModel(FittedModel? fitted, ITrainedModel? trained, FileStamp stamp)
    {
        Fitted = fitted;
        Trained = trained;
        Stamp = stamp;
        Columns = fitted?.Columns ?? QueryColumns.OfNumbers(trained!.Features);
    }

    /// <param name="shards">Shards that a cluster has.</param>
    /// <param name="stamp">What their manifest's file was like.</param>
    public ServedModel(ShardModel shards, FileStamp stamp) => (Shards, Stamp, Columns) = (shards, stamp, shards.Columns);

    /// <summary>Shards; null for a model.</summary>
    public ShardModel? Shards { get; }

    /// <summary>A model of <c>fit</c> or <c>condense</c>; null for another.</summary>
    public FittedModel? Fitted { get; }

    /// <summary>A model of <c>train</c>; null for another.</summary>
    public ITrainedModel? Trained { get; }

    /// <summary>What its file was like.</summary>
    public FileStamp Stamp { get; }

    /// <summary>What it predicts from.</summary>
    public QueryColumns Columns { get; }

    /// <summary>Loads one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="loadTrained">Loads a model of <c>train</c>; gives null for a file that is none.</param>
    /// <exception cref="StorageException">The file is not there, damaged, or of another model.</exception>
    public static ServedModel Load(string path, Func<string, SafeTensorsFile, ITrainedModel?> loadTrained)
    {
        var stamp = FileStamp.Read(path);
        SafeTensorsFile file = SafeTensorsFile.Read(path);
        ITrainedModel? trained = FittedModel.IsKnown(file) ? null : loadTrained(path, file);
        return new ServedModel(trained is null ? FittedModel.Load(path, file) : null, trained, stamp);
    }

    /// <summary>Predicts once, so that what a model prepares at its first query is there at the next.</summary>
    public void Warm()
    {
        if (Fitted is { Groups: null } fitted && Columns.Levels.Length == 0)
        {
            fitted.Model.Predict(new double[Columns.Features.Length], fitted.Check(new PredictionRequest()));
        }
    }

    /// <summary>Writes the header, and gives what writes some rows of predictions.</summary>
    /// <param name="written">Where they go.</param>
    /// <param name="options">What is asked, as the model has checked it.</param>
    /// <param name="data">Where the queries are from, for messages.</param>
    public RowsToPredict.WriteRows Begin(PredictedRows written, PredictionOptions options, string data)
    {
        if (Fitted is not null)
        {
            return Fitted.Begin(written, options, data);
        }

        Trained!.WriteHeader(written);
        return (rows, _, kept, cancellationToken) =>
        {
            lock (_oneAtATime)
            {
                Trained.WriteRows(data, written, rows, kept, cancellationToken);
            }
        };
    }
}

/// <summary>What a file looks like from outside: another stamp is another content.</summary>
/// <param name="Time">When it was written.</param>
/// <param name="Length">Its bytes; negative where it is not there.</param>
internal readonly record struct FileStamp(DateTime Time, long Length)
{
    public static FileStamp Read(string path)
    {
        // A link may go to another file later.
        string real = OutputPath.Real(path);
        var file = new FileInfo(real);
        return file.Exists ? new FileStamp(file.LastWriteTimeUtc, file.Length) : new FileStamp(default, -1);
    }
}
