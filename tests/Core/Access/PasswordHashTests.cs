using Granary.Core.Access;

namespace Granary.Core.Tests.Access;

public sealed class PasswordHashTests
{
    [Theory]
    [InlineData("")]
    [InlineData("secret")]
    [InlineData("пароль")]
    public void Create_ThenMatches_ForThatPasswordAlone(string password)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(password);
        var hash = PasswordHash.Create(bytes);

        Assert.True(PasswordHash.Matches(hash, bytes));
        Assert.False(PasswordHash.Matches(hash, [.. bytes, 0]));
        Assert.NotEqual(hash, PasswordHash.Create(bytes));
    }

    [Fact]
    public void Matches_HashThatRabbitMqDocuments_ForItsPassword() =>
        Assert.True(PasswordHash.Matches("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "test12"u8));

    [Theory]
    [InlineData("")]
    [InlineData("guest")]
    [InlineData("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2PO=")]
    [InlineData("!I3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")]
    [InlineData("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2PORkI3G")]
    public void Matches_WhatIsNoHash_ForNoPassword(string hash)
    {
        Assert.False(PasswordHash.Matches(hash, "test12"u8));
        Assert.False(PasswordHash.Matches(hash, ""u8));
    }
}
