namespace TorchAttention.Tests;

public class VersionNeedTests
{
    [Fact]
    public void AFileThatNeedsNoSuchVersion_StaysAsItIs()
    {
        byte[] elf = Program();

        Assert.Equal("it does not need version GLIBC_77 of libc.so.6", VersionNeed.Weaken(elf, "libc.so.6", "GLIBC_77"));
        Assert.Equal("it does not need libnothing.so", VersionNeed.Weaken(elf, "libnothing.so", VersionNeed.Version));
        Assert.Equal(Program(), elf);
    }

    [Fact]
    public void AVersion_IsMarkedByOneBit()
    {
        byte[] elf = Program();

        Assert.Null(VersionNeed.Weaken(elf, "libc.so.6", "GLIBC_2.2.5"));

        (byte Before, byte After) changed = Assert.Single(Program().Zip(elf), pair => pair.First != pair.Second);
        Assert.Equal(2, changed.After - changed.Before);
    }

    [Theory]
    [InlineData(0, "not a 64-bit little-endian ELF file")]
    [InlineData(63, "not a 64-bit little-endian ELF file")]
    [InlineData(64, "its section table points outside the file")]
    [InlineData(4096, "its section table points outside the file")]
    public void ACutFile_IsSaidToBeOne(int length, string reason) =>
        Assert.Equal(reason, VersionNeed.Weaken(Program()[..length], VersionNeed.Library, VersionNeed.Version));

    private static byte[] Program()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Programs are no ELF files elsewhere.");
        return File.ReadAllBytes(Environment.ProcessPath!);
    }
}
