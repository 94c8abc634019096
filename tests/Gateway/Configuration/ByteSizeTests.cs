using Granary.Node.Configuration;

namespace Granary.Gateway.Tests.Configuration;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("50000", 50_000)]
    [InlineData("12B", 12)]
    [InlineData("500KB", 500_000)]
    [InlineData("50mb", 50_000_000)]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("3k", 3_000)]
    [InlineData("1Ki", 1024)]
    [InlineData("2MiB", 2 * 1024 * 1024)]
    [InlineData("1tib", 1L << 40)]
    public void Size_WithAUnitOfRabbitMq_IsThatManyBytes(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("MB")]
    [InlineData("-1")]
    [InlineData("1.5GB")]
    [InlineData("1 GB")]
    [InlineData("1XB")]
    [InlineData("1BB")]
    [InlineData("1iB")]
    [InlineData("1kMB")]
    [InlineData("9223372036854775808")]
    [InlineData("9223372036854775807TB")]
    public void Size_ThatIsNone_IsRefused(string text) => Assert.Throws<FormatException>(() => ByteSize.Parse(text));
}
