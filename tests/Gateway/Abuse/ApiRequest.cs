namespace Granary.Gateway.Tests.Abuse;

/// <summary>A request to the management API that no client should make, or that one might.</summary>
/// <param name="Operation">Method and path as the API's description has them.</param>
/// <param name="Bytes">As they are sent.</param>
/// <param name="IsWhole">False: octets of it were changed at random, so that the server may wait for more, or see another request.</param>
internal sealed record ApiRequest(string Operation, byte[] Bytes, bool IsWhole)
{
    /// <summary>Its answer has no body.</summary>
    public bool IsHead => Bytes.AsSpan().StartsWith("HEAD "u8);
}
