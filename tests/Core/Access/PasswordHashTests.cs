using Granary.Core.Access;

namespace Granary.Core.Tests.Access;

public sealed class PasswordHashTests
{
    [Theory]
    [InlineData("", PasswordHashing.Sha256)]
    [InlineData("secret", PasswordHashing.Sha256)]
    [InlineData("пароль", PasswordHashing.Sha256)]
    [InlineData("secret", PasswordHashing.Sha512)]
    [InlineData("пароль", PasswordHashing.Sha512)]
    public void Create_ThenMatches_ForThatPasswordAlone(string password, PasswordHashing hashing)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(password);
        var hash = PasswordHash.Create(bytes, hashing);

        Assert.True(PasswordHash.IsHash(hash, hashing));
        Assert.True(PasswordHash.Matches(hash, bytes, hashing));
        Assert.False(PasswordHash.Matches(hash, [.. bytes, 0], hashing));
        Assert.NotEqual(hash, PasswordHash.Create(bytes, hashing));
        Assert.False(PasswordHash.Matches(hash, bytes, hashing == PasswordHashing.Sha256 ? PasswordHashing.Sha512 : PasswordHashing.Sha256));
    }

    /// <summary>Of salt and password as rabbit_password:salted_hash has them, with Python's hashlib.</summary>
    [Theory]
    [InlineData("AQIDBDB9kM21iEUzN1lZ+6VReCsdNqS0sERdAQTcY6Xs3PMz", PasswordHashing.Sha256)]
    [InlineData("AQIDBPhTH2L5HGYB1LWOrn+YpvuQmVOXKGqgsuiJRIZTILRoEvblSJo/WAsym3IZTfuaIaK5KR2o5KwFfTv6KsxfMIE=", PasswordHashing.Sha512)]
    public void Matches_HashMadeElsewhere_ForItsPassword(string hash, PasswordHashing hashing) =>
        Assert.True(PasswordHash.Matches(hash, "secret"u8, hashing));

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
