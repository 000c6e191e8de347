using TorchAttention.Numerics.Storage;

namespace TorchAttention.Server.Models;

/// <summary>The models by name, each as its file last had it.</summary>
internal sealed class ModelStore
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Func<string, SafeTensorsFile, ITrainedModel?> _loadTrained;

    /// <param name="paths">The files; a model's name is its file's without the ending.</param>
    /// <param name="loadTrained">Loads a model of <c>train</c>; gives null for a file that is none.</param>
    /// <exception cref="CliException">Two have one name.</exception>
    /// <exception cref="StorageException">A file is not there, damaged, or of another model.</exception>
    public ModelStore(IReadOnlyList<string> paths, Func<string, SafeTensorsFile, ITrainedModel?> loadTrained)
    {
        _loadTrained = loadTrained;
        foreach (string path in paths)
        {
            string name = Path.GetFileNameWithoutExtension(path);
            if (_entries.TryGetValue(name, out Entry? other))
            {
                throw CliException.WrongInput(
                    $"--model: expected files of different names, got '{PlainText.Brief(other.Path)}' and '{PlainText.Brief(path)}'");
            }

            _entries.Add(name, new Entry(path, ServedModel.Load(path, loadTrained)));
        }
    }

    private ModelStore(string name, ServedModel shards)
    {
        _loadTrained = (_, _) => null;
        _entries.Add(name, new Entry("", shards));
    }

    /// <summary>Shards, which stay as they are.</summary>
    public static ModelStore OfShards(string name, ServedModel shards) => new(name, shards);

    /// <summary>No models.</summary>
    public static ModelStore Empty { get; } = new([], (_, _) => null);

    /// <summary>The models that there are now, in the order they were named.</summary>
    public IEnumerable<(string Name, ServedModel Model)> All => _entries.Select(entry => (entry.Key, entry.Value.Model));

    /// <summary>The names.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>The model of a name as it is now; null for none.</summary>
    public ServedModel? Find(string name) => _entries.GetValueOrDefault(name)?.Model;

    /// <summary>Looks again and again whether a file has changed, and takes its new content in the place of the old.</summary>
    /// <param name="period">How long to wait between two looks.</param>
    /// <param name="log">Told a line of each change.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task WatchAsync(TimeSpan period, Action<string> log, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(period);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            foreach (Entry entry in _entries.Values)
            {
                if (entry.Model.Shards is null && entry.HasChanged())
                {
                    log(Reload(entry));
                }
            }
        }
    }

    // Requests that hold the old one end with it.
    private string Reload(Entry entry)
    {
        string path = PlainText.Brief(entry.Path, 500);
        try
        {
            var model = ServedModel.Load(entry.Path, _loadTrained);
            model.Warm();
            entry.Model = model;
            return $"{path}: loaded again";
        }
        catch (Exception e)
        {
            return $"{e.Message}; the model that was loaded from {path} before goes on";
        }
    }

    private sealed class Entry(string path, ServedModel model)
    {
        private volatile ServedModel _model = model;
        private FileStamp _seen = model.Stamp;
        private FileStamp _last = model.Stamp;

        public string Path => path;

        public ServedModel Model
        {
            get => _model;
            set
            {
                _seen = value.Stamp;
                _model = value;
            }
        }

        // A file that is still being written looks otherwise at each look.
        public bool HasChanged()
        {
            var now = FileStamp.Read(path);
            bool isAtRest = now == _last;
            _last = now;
            bool hasChanged = isAtRest && now != _seen;
            _seen = hasChanged ? now : _seen;
            return hasChanged;
        }
    }
}
