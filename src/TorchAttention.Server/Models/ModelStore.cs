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

    /// <summary>No models.</summary>
    public static ModelStore Empty { get; } = new([], (_, _) => null);

    /// <summary>The models that there are now, in the order they were named.</summary>
    public IEnumerable<(string Name, ServedModel Model)> All => _entries.Select(entry => (entry.Key, entry.Value.Model));

    /// <summary>The names.</summary>
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>The model of a name as it is now; null for none.</summary>
    public ServedModel? Find(string name) => _entries.GetValueOrDefault(name)?.Model;

    private sealed class Entry(string path, ServedModel model)
    {
        private volatile ServedModel _model = model;

        public string Path => path;

        public ServedModel Model
        {
            get => _model;
            set => _model = value;
        }
    }
}
