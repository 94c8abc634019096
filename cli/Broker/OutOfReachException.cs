namespace Granary.Cli.Broker;

/// <summary>Nothing answers where the broker should be.</summary>
internal sealed class OutOfReachException(BrokerAddress address, Exception inner) : Exception(inner.Message, inner)
{
    public string Where => address.Socket ?? address.Http.ToString();
}
