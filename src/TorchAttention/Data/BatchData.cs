namespace TorchAttention.Data;

/// <summary>
/// Batches from anywhere as a data set: of several inputs, from a file that is larger than memory, or of another loader.
/// </summary>
/// <remarks>
/// <code>
/// IEnumerable&lt;Batch&gt; train = loader.Select(drawn =&gt; new Batch(drawn["x"], drawn["y"]));  // a DataLoader of TorchSharp
/// trainer.Fit(model, train, validation);
/// </code>
/// Each part is enumerated once an epoch, and the training part once before, to be counted; what its order is drawn from is its own affair.
/// A training that goes on from a checkpoint passes over the batches that were done.
/// </remarks>
public sealed class BatchData : DataModule
{
    private readonly Loader _train;
    private readonly Loader _validation;

    /// <summary>Creates the data set.</summary>
    /// <param name="train">The training part, which can be enumerated again and again.</param>
    /// <param name="validation">The validation part.</param>
    /// <exception cref="ArgumentException">The training part has no batch.</exception>
    public BatchData(IEnumerable<Batch> train, IEnumerable<Batch> validation)
        : this(new Loader(train ?? throw new ArgumentNullException(nameof(train))), validation)
    {
    }

    private BatchData(Loader train, IEnumerable<Batch> validation)
        : base((int)Math.Max(1, train.LargestBatch), new Generator(0))
    {
        ArgumentNullException.ThrowIfNull(validation);
        _train = train.Count > 0 ? train : throw new ArgumentException("Expected at least one batch to train on, got none.", nameof(train));
        _validation = new Loader(validation, train.Count);
    }

    /// <inheritdoc/>
    public override BatchLoader GetDataloader(bool train) => train ? _train : _validation;

    private sealed class Loader : BatchLoader
    {
        private readonly IEnumerable<Batch> _batches;

        public Loader(IEnumerable<Batch> batches)
        {
            _batches = batches;
            using IEnumerator<Batch> all = batches.GetEnumerator();
            while (true)
            {
                using DisposeScope scope = NewDisposeScope();
                if (!all.MoveNext())
                {
                    return;
                }

                CountedBatches++;
                Largest = Math.Max(Largest, all.Current.X.size(0));
                Inputs += all.Current.X.numel();
            }
        }

        // What is only validated needs no count before: it is said with each batch, for a bar of progress.
        public Loader(IEnumerable<Batch> batches, int most)
        {
            _batches = batches;
            CountedBatches = batches.TryGetNonEnumeratedCount(out int count) ? count : most;
        }

        public override int Count => CountedBatches;

        internal override long LargestBatch => Largest;

        internal override long InputCount => Inputs;

        private int CountedBatches { get; }

        private long Largest { get; }

        private long Inputs { get; }

        public override IEnumerator<Batch> GetEnumerator() => _batches.GetEnumerator();
    }
}
