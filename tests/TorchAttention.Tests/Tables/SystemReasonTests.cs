using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

public sealed class SystemReasonTests
{
    private static readonly string _temporary = Path.GetTempPath();

    [Fact]
    public void Reason_IsTheSystemsAndNamesNoFile()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The words are those of Linux.");
        Assert.Equal(
            "No space left on device",
            SystemReason.Describe(Thrown(() => WholeFile.WriteText("/dev/full", writer => writer.Write("x"))).InnerException!));
        Assert.Equal(
            "No such file or directory", SystemReason.Describe(Thrown(() => File.ReadAllText(Path.Combine(_temporary, "none", "a'b")))));
        Assert.Equal("Permission denied", SystemReason.Describe(Thrown(() => File.ReadAllText(_temporary))));
        Assert.Equal("File name too long", SystemReason.Describe(Thrown(() => File.ReadAllText(new string('x', 5000)))));
        Assert.Equal("Permission denied", SystemReason.Describe(new UnauthorizedAccessException("whatever it says")));
        Assert.Equal(@"odd\u001b text", SystemReason.Describe(new IOException("odd\u001b text.")));
    }

    [Fact]
    public void FileInUse_IsSaidToBe()
    {
        string file = Path.GetTempFileName();
        try
        {
            using var held = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.None);
            Assert.Equal(
                "another process is at work on it",
                SystemReason.Describe(Thrown(() => new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.None).Dispose())));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void FullDisk_IsToldFromAWrongPath()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is a full device on Linux.");
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        Assert.True(SystemReason.IsOfTheDisk(Thrown(() => full.Write([1]))));
        Assert.False(SystemReason.IsOfTheDisk(Thrown(() => File.ReadAllText(Path.Combine(_temporary, "none", "none")))));
        Assert.False(SystemReason.IsOfTheDisk(new UnauthorizedAccessException()));
        Assert.False(SystemReason.IsOfTheDisk(new IOException("No space left on device")));
    }

    private static Exception Thrown(Action action) => Assert.ThrowsAny<Exception>(action);
}
