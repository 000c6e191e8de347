using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Sharding;

/// <summary>The files of shards: what the manifest says of them is so, and what is not as it says is named in one line.</summary>
public sealed class ShardFilesTests : ShardFolder
{
    [Theory]
    [InlineData(1, 12)]
    [InlineData(2, 12)]
    [InlineData(3, 5)]
    public void Boxes_HoldAboutEqualRows(int features, int shards)
    {
        (double[] x, double[] y, double[] weights) = Rows(6000, features, hasWeights: true);
        ShardManifest manifest = Write((x, y, weights), features, shards);
        int counted = weights.Count(weight => weight > 0);

        Assert.Equal(shards, manifest.Shards.Length);
        Assert.Equal((counted, features, 1), (manifest.Rows, manifest.Features, manifest.Columns));
        Assert.Equal(weights.Max(), manifest.LargestWeight);
        Assert.Equal(weights.Sum(), manifest.Shards.Sum(shard => shard.Weight), 1e-6);

        // Copies at one place, a seventeenth of all, cannot be cut.
        Assert.All(manifest.Shards, shard => Assert.InRange(shard.Rows * (double)shards / counted, 0.3, 2.2));
        Assert.All(manifest.Shards, shard => Assert.Equal(new FileInfo(PathOf(shard)).Length, shard.Bytes));
        Assert.Equal(["manifest.json", .. manifest.Shards.Select(shard => shard.File)], Entries());
    }

    // What is written beside it has a name that nobody gave.
    [Fact]
    public void FolderThatCannotBeMade_IsNamedAsGiven()
    {
        string file = Path.Combine(Folder, "file");
        File.WriteAllText(file, "");
        string target = Path.Combine(file, "shards");
        IOException e = Assert.ThrowsAny<IOException>(() => new ShardWriter(target, ShardCuts.Choose([1, 2, 3, 4], 1, 2)));

        Assert.StartsWith($"'{target}' cannot be written (", e.Message, StringComparison.Ordinal);
    }

    // Against a count of all rows for each box.
    [Fact]
    public void Halos_CountRowsAroundEachBox()
    {
        (double[] x, double[] y, _) = Rows(900, 2);
        ShardManifest manifest = Write((x, y, []), 2, 6);
        foreach (Shard shard in manifest.Shards)
        {
            for (int k = 0; k < manifest.Halos.Length; k++)
            {
                double[] distance = manifest.Halos[k];
                int inside = Enumerable.Range(0, 900).Count(i => Enumerable.Range(0, 2).All(
                    j => x[(2 * i) + j] >= shard.Least[j] - distance[j] && x[(2 * i) + j] <= shard.Most[j] + distance[j]));

                Assert.Equal(inside - shard.Rows, shard.Halos[k]);
            }
        }
    }

    [Fact]
    public void RowsAtOnePlace_AreOneShard()
    {
        double[] x = [.. Enumerable.Repeat(5.0, 100)];
        ShardManifest manifest = Write((x, x, []), 1, 8);

        Assert.Equal(100, Assert.Single(manifest.Shards).Rows);
    }

    [Fact]
    public void ChangedFiles_AreRefusedInOneLine()
    {
        ShardManifest manifest = Write(Rows(300, 1), 1, 3);
        string path = PathOf(manifest.Shards[1]);
        byte[] whole = File.ReadAllBytes(path);
        byte[] turned = [.. whole];
        turned[^1] ^= 1;
        foreach ((byte[] bytes, StorageProblem problem) in new[]
        {
            (turned, StorageProblem.Digest), (whole[..^8], StorageProblem.Digest), ([], StorageProblem.Digest),
            (File.ReadAllBytes(PathOf(manifest.Shards[0])), StorageProblem.Digest),
        })
        {
            File.WriteAllBytes(path, bytes);
            StorageException refused = Assert.Throws<StorageException>(() => ShardPool.Load(manifest, 1));

            Assert.Equal((problem, path), (refused.Kind, refused.File));
            Assert.DoesNotContain('\n', refused.Message);
            Assert.Contains("0001.safetensors", refused.Message);
            using ShardPool other = ShardPool.Load(manifest, 0);
            Assert.Equal(1, other.SumsAt(new() { Kernel = SmoothingKernel.Gaussian, Bandwidths = [1] }, [1], false).Count);
        }

        File.Delete(path);
        Assert.Equal(StorageProblem.NoFile, Assert.Throws<StorageException>(() => ShardPool.Load(manifest, 1)).Kind);
    }

    [Theory]
    [InlineData("", "", StorageProblem.NoFile, "no such file")]
    [InlineData("\"version\": 1", "\"version\": 2", StorageProblem.LaterVersion, "version 2")]
    [InlineData("torchattention.shards", "other", StorageProblem.OtherFormat, "'other'")]
    [InlineData("\"features\": 1", "\"features\": 3", StorageProblem.Numbers, "do not fit")]
    [InlineData("\"rows\": 300", "\"rows\": 301", StorageProblem.Numbers, "301 rows")]
    [InlineData("0001.safetensors", "../0001.safetensors", StorageProblem.Numbers, "do not fit")]
    [InlineData("0001.safetensors", "0000.safetensors", StorageProblem.Numbers, "named twice")]
    [InlineData("\"vector_bits\": ", "\"vector_bits\": 7", StorageProblem.Numbers, "bits")]
    [InlineData("\"shards\": ", "\"pieces\": ", StorageProblem.Numbers, "JSON")]
    [InlineData("{", "", StorageProblem.Numbers, "JSON")]
    public void OtherManifests_AreRefusedInOneLine(string part, string instead, StorageProblem problem, string said)
    {
        string path = Path.Combine(Write(Rows(300, 1), 1, 3).Folder, ShardManifest.FileName);
        string text = File.ReadAllText(path);
        if (part.Length == 0)
        {
            File.Delete(path);
        }
        else
        {
            int at = text.IndexOf(part, StringComparison.Ordinal);
            File.WriteAllText(path, text[..at] + instead + text[(at + part.Length)..]);
        }

        StorageException refused = Assert.Throws<StorageException>(() => ShardManifest.Load(path));

        Assert.Equal(problem, refused.Kind);
        Assert.Contains(said, refused.Message);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void WriterThatIsNotFinished_LeavesNothing()
    {
        string target = Path.Combine(Folder, "shards");
        var cuts = ShardCuts.Choose([1, 2, 3, 4], 1, 2);
        using (var writer = new ShardWriter(target, cuts))
        {
            writer.Add([1, 2, 3], [1, 2, 3]);
            Assert.Throws<ArgumentException>(() => writer.Add([1, double.NaN], [1, 2]));
            Assert.Throws<ArgumentException>(() => writer.Add([1], [1], [1]));
            Assert.Single(Directory.EnumerateFileSystemEntries(Folder));

            // Of another writer that lives, and of one that was killed.
            string left = Path.Combine(Folder, $".shards.{Guid.NewGuid():N}.tmp");
            Directory.CreateDirectory(left);
            using var second = new ShardWriter(target, cuts);
            Assert.False(Directory.Exists(left));
            Assert.Equal(2, Directory.EnumerateFileSystemEntries(Folder).Count());
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder));
        using var empty = new ShardWriter(target, cuts);
        RegressionDataException refused = Assert.Throws<RegressionDataException>(() => empty.Finish(new Dictionary<string, string>()));
        Assert.Equal(RegressionProblem.TooFew, refused.Kind);
    }

    [Fact]
    public void FolderWithFiles_IsNotReplaced()
    {
        File.WriteAllText(Path.Combine(Folder, "mine.txt"), "mine");

        Assert.Throws<IOException>(() => new ShardWriter(Folder, ShardCuts.Choose([1, 2], 1, 2)));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Folder, "mine.txt")));
    }

    private string PathOf(Shard shard) => Path.Combine(Folder, "shards", shard.File);

    private string[] Entries() =>
    [
        .. new DirectoryInfo(Path.Combine(Folder, "shards")).EnumerateFiles().Select(file => file.Name)
            .Order().OrderByDescending(name => name[0])
    ];
}
