using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.OnePass;

/// <summary>Files with bytes that are gone or others.</summary>
internal static class DamagedBytes
{
    private const int Tries = 400;
    private const int Header = 1200;

    /// <summary>Damages a file in many ways; each is loaded, or refused in one line.</summary>
    /// <returns>How many were refused.</returns>
    public static int Refused(string path, int seed, Action<string> load)
    {
        byte[] whole = File.ReadAllBytes(path);
        var random = new Random(seed);
        int refused = 0;
        for (int i = 0; i < Tries; i++)
        {
            byte[] damaged = i % 4 == 0 ? whole[..random.Next(whole.Length)] : [.. whole];
            for (int k = 0; i % 4 != 0 && k < 3; k++)
            {
                damaged[random.Next(i % 2 == 0 ? whole.Length : Header)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(path, damaged);
            try
            {
                load(path);
            }
            catch (StorageException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }

        return refused;
    }
}
