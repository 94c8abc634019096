namespace Orleans.Runtime
{
    /// <summary>An error of the runtime or of one of its providers.</summary>
    [GenerateSerializer]
    public class OrleansException : Exception
    {
        public OrleansException()
        {
        }

        public OrleansException(string message)
            : base(message)
        {
        }

        public OrleansException(string message, Exception? innerException)
            : base(message, innerException)
        {
        }
    }

    /// <summary>A configuration with which a silo cannot start.</summary>
    [GenerateSerializer]
    public sealed class OrleansConfigurationException(string message) : Exception(message);

    /// <summary>A call that the runtime refused to carry.</summary>
    [GenerateSerializer]
    public class OrleansMessageRejectionException : OrleansException
    {
        internal OrleansMessageRejectionException(string message)
            : base(message)
        {
        }
    }

    /// <summary>A call to a silo that has not started or is stopping.</summary>
    [GenerateSerializer]
    public sealed class SiloUnavailableException(string msg) : OrleansMessageRejectionException(msg);
}

namespace Orleans.Serialization
{
    /// <summary>A value whose type is not marked for serialization was handed to a grain.</summary>
    [GenerateSerializer]
    public sealed class CodecNotFoundException(string message) : Exception(message);
}
