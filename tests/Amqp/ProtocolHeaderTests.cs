namespace Granary.Amqp.Tests;

public sealed class ProtocolHeaderTests
{
    [Theory]
    [InlineData(new byte[] { 65, 77, 81, 80, 0, 0, 9, 1 })]
    [InlineData(new byte[] { 65, 77, 81, 80, 1, 1, 0, 9 })]
    public void Match_AcceptedHeader_IsIncompleteUntilTheEighthOctet(byte[] header)
    {
        for (var length = 0; length < ProtocolHeader.Size; length++)
        {
            Assert.Equal(ProtocolHeaderMatch.Incomplete, ProtocolHeader.Match(header.AsSpan(0, length)));
        }

        Assert.Equal(ProtocolHeaderMatch.Accepted, ProtocolHeader.Match(header));
        Assert.Equal(ProtocolHeaderMatch.Accepted, ProtocolHeader.Match([.. header, 1, 2]));
    }

    [Theory]
    [InlineData(new byte[] { 65, 77, 81, 80, 3, 1, 0, 0 })] // AMQP 1.0 with SASL
    [InlineData(new byte[] { 65, 77, 81, 80, 0, 1, 0, 0 })] // AMQP 1.0
    [InlineData(new byte[] { 71, 69, 84 })] // GET
    [InlineData(new byte[] { 22 })] // TLS
    public void Match_OtherHeader_IsOtherAtOnce(byte[] header) => Assert.Equal(ProtocolHeaderMatch.Other, ProtocolHeader.Match(header));
}
